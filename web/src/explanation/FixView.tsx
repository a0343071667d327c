import type { ProposedFix } from '../api/types.ts'
import { CopyButton } from '../ui/CopyButton.tsx'
import { riskFigure } from '../words/risk.ts'

const ORIGINS: Record<string, string> = {
  rule: 'from the rule itself',
  model: 'proposed by the model',
  history: 'after an earlier fix here',
}

function lineClass(line: string): string {
  if (/^(\+\+\+|---|@@|diff )/.test(line)) return 'diff-head'
  if (line.startsWith('+')) return 'diff-added'
  if (line.startsWith('-')) return 'diff-removed'
  return ''
}

/** A proposed patch, with what scanning it again showed. */
export function FixView({ fix }: { fix: ProposedFix }) {
  const codes = (list: string[]): string => (list.length === 0 ? 'none' : list.join(', '))
  return (
    <div className="fix">
      <h3>
        Proposed fix <span className={fix.verified ? 'verdict verdict-good' : 'verdict'}>{fix.verified ? 'verified' : 'not verified'}</span>
      </h3>
      <p className="fix-words">
        {ORIGINS[fix.origin] ?? fix.origin}
        {fix.reason && `: ${fix.reason}`}
      </p>
      {fix.diff && <CopyButton text={fix.diff} label="Copy the patch" />}
      {fix.diff && (
        <pre className="diff" tabIndex={0} aria-label="Patch">
          {fix.diff.split('\n').map((line, index) => (
            <span key={index} className={lineClass(line)}>
              {line + '\n'}
            </span>
          ))}
        </pre>
      )}
      <dl className="fix-figures">
        <div>
          <dt>Findings</dt>
          <dd>
            {codes(fix.findingsBefore)} → {codes(fix.findingsAfter)}
          </dd>
        </div>
        {fix.riskBefore !== null && (
          <div>
            <dt>Risk</dt>
            <dd>
              {riskFigure(fix.riskBefore)} → {riskFigure(fix.riskAfter)}
            </dd>
          </div>
        )}
      </dl>
    </div>
  )
}
