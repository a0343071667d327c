import { useMemo } from 'react'
import type { Assessment } from '../api/types.ts'
import { placeFindings } from '../code/marks.ts'
import { highlight } from '../code/python.ts'
import { plural } from '../words/risk.ts'
import { FindingNote } from './FindingNote.tsx'
import { findingId, jumpTo } from './jump.ts'
import { SourceLine } from './SourceLine.tsx'

/** The test's source, its findings under the lines they mark. */
export function SourceView({ test }: { test: Assessment }) {
  const source = test.source.replace(/\s+$/, '')
  const lines = useMemo(() => highlight(source), [source])
  const { inside, outside } = useMemo(
    () => placeFindings(test.details, test.line, source === '' ? 0 : lines.length),
    [test.details, test.line, source, lines.length],
  )
  return (
    <section className="panel source" aria-label="Source">
      <div className="panel-head">
        <h2>Source</h2>
        <p>
          {test.details.length === 0 ? 'no finding' : plural(test.details.length, 'finding')}
          {test.details.map((finding, index) => (
            <button
              key={index}
              type="button"
              className={`jump sev-${finding.severity}`}
              onClick={() => jumpTo(findingId(finding.code, finding.line))}
            >
              {finding.code}
              <span className="jump-line">:{finding.line}</span>
            </button>
          ))}
        </p>
      </div>
      {source === '' ? (
        <p className="panel-empty">The index holds no source of this test.</p>
      ) : (
        <div className="code-scroll" tabIndex={0} role="region" aria-label="Code of the test">
          <div className="code-lines" data-digits={String(test.line + lines.length).length}>
            {lines.map((tokens, index) => (
              <SourceLine
                key={index}
                line={test.line + index}
                tokens={tokens}
                findings={inside.get(test.line + index) ?? []}
              />
            ))}
          </div>
        </div>
      )}
      {outside.length > 0 && (
        <div className="outside">
          <h3>Elsewhere in {test.file}</h3>
          {outside.map((finding, index) => (
            <FindingNote key={index} finding={finding} showLine />
          ))}
        </div>
      )}
    </section>
  )
}
