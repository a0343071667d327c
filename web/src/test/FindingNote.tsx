import type { Finding } from '../api/types.ts'
import { ruleHref } from '../route.ts'
import { SeverityMark } from '../ui/SeverityMark.tsx'
import { InlineCode } from '../ui/InlineCode.tsx'
import { findingId } from './jump.ts'

/** What a rule says, and the remedy. */
export function FindingNote({ finding, showLine = false }: { finding: Finding; showLine?: boolean }) {
  return (
    <div
      id={findingId(finding.code, finding.line)}
      className={`finding sev-${finding.severity}`}
      role="note"
      aria-label={`Finding ${finding.code} on line ${finding.line}`}
      tabIndex={-1}
    >
      <p className="finding-head">
        <a className="code" href={ruleHref(finding.code)}>
          {finding.code}
        </a>
        <span className="finding-name">{finding.name}</span>
        <SeverityMark severity={finding.severity} />
        {finding.confidence !== null && (
          <span className="finding-sure">{Math.round(finding.confidence * 100)}% sure</span>
        )}
        {showLine && <span className="finding-sure">line {finding.line}</span>}
      </p>
      <p className="finding-message">
        <InlineCode text={finding.message} />
      </p>
      {finding.help && (
        <p className="finding-help">
          <b>Remedy</b> <InlineCode text={finding.help} />
        </p>
      )}
      {finding.readBy.length > 0 && (
        <p className="finding-help">
          <b>Read by</b>{' '}
          {finding.readBy.map((id) => (
            <code key={id}>{id} </code>
          ))}
        </p>
      )}
      {finding.fix && (
        <p className="finding-fix">
          <b>Fix</b> <InlineCode text={finding.fix.message || 'the rule can mend this itself'} />{' '}
          <span className="finding-sure">
            ({finding.fix.safe ? 'safe' : 'may change what the test does'}: <code>scan --fix{finding.fix.safe ? '' : ' --unsafe-fixes'}</code>)
          </span>
        </p>
      )}
    </div>
  )
}
