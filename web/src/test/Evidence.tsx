import type { Assessment } from '../api/types.ts'
import { SeverityMark } from '../ui/SeverityMark.tsx'
import { causeTitle } from '../words/causes.ts'
import { findingId, jumpTo } from './jump.ts'

/** What stands in the code, whatever any model thinks of it. */
export function Evidence({ test }: { test: Assessment }) {
  return (
    <section className="panel" aria-labelledby="evidence">
      <div className="panel-head">
        <h2 id="evidence">What the code shows</h2>
        <p>rules, read from the source</p>
      </div>
      {test.details.length === 0 ? (
        <p className="panel-empty">No rule found anything in this test.</p>
      ) : (
        <ul className="rows">
          {test.details.map((finding, index) => (
            <li key={index}>
              <SeverityMark severity={finding.severity} />
              <div>
                <button
                  type="button"
                  className="link"
                  onClick={() => jumpTo(findingId(finding.code, finding.line))}
                >
                  {finding.name || finding.code}
                </button>
                <small>
                  {causeTitle(finding.cause)}, line {finding.line}
                </small>
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
