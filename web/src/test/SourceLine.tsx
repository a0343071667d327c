import type { Finding } from '../api/types.ts'
import { segments, spanOn, worst } from '../code/marks.ts'
import type { Token } from '../code/python.ts'
import { FindingNote } from './FindingNote.tsx'
import { lineId } from './jump.ts'

interface Props {
  line: number
  tokens: Token[]
  findings: Finding[]
}

export function SourceLine({ line, tokens, findings }: Props) {
  const text = tokens.map((token) => token.text).join('')
  const spans = findings.map((finding) => spanOn(text, finding))
  const severity = worst(findings.map((finding) => finding.severity))
  return (
    <>
      <div
        id={lineId(line)}
        className={findings.length > 0 ? `code-line marked sev-${severity}` : 'code-line'}
        data-line={line}
        tabIndex={-1}
      >
        <span className="code-number">
          {findings.length > 0 && <i className="code-gutter" aria-hidden="true" />}
          {line}
        </span>
        <code>
          {segments(tokens, spans).map((segment, index) => (
            <span
              key={index}
              className={segment.mark ? `t-${segment.kind} mark sev-${segment.mark}` : `t-${segment.kind}`}
            >
              {segment.text}
            </span>
          ))}
          {'\n'}
        </code>
      </div>
      {findings.map((finding, index) => (
        <FindingNote key={`${finding.code} ${index}`} finding={finding} />
      ))}
    </>
  )
}
