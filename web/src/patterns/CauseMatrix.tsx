import { useState } from 'react'
import type { Pattern } from '../api/types.ts'
import { NO_FILTERS, patternsHref, searchHref } from '../route.ts'
import { causeTitle } from '../words/causes.ts'
import { plural } from '../words/risk.ts'
import { causeMatrix } from './matrix.ts'

const MOST_COLUMNS = 8
const SHADES = 4

/** Which causes repeat where, at a glance: rules of a cause by repository or by team. */
export function CauseMatrix({ patterns }: { patterns: Pattern[] }) {
  const [kind, setKind] = useState<'repos' | 'teams'>('repos')
  const matrix = causeMatrix(patterns, kind, MOST_COLUMNS)
  const hasTeams = patterns.some(({ teams }) => teams.length > 0)
  const filtersOf = (cause: string, name: string) => ({ ...NO_FILTERS, causes: [cause], [kind]: [name] })
  return (
    <section className="panel matrix" aria-labelledby="matrix">
      <div className="panel-head">
        <h2 id="matrix">Where causes repeat</h2>
        {hasTeams && (
          <div className="switch" role="group" aria-label="Columns">
            {(['repos', 'teams'] as const).map((choice) => (
              <button key={choice} type="button" aria-pressed={kind === choice} onClick={() => setKind(choice)}>
                {choice === 'repos' ? 'by repository' : 'by team'}
              </button>
            ))}
          </div>
        )}
      </div>
      <div className="matrix-scroll" tabIndex={0} role="region" aria-label="Rules of each cause, by place">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span className="hidden">Cause</span>
              </th>
              {matrix.columns.map((name) => (
                <th key={name} scope="col">
                  <a href={kind === 'repos' ? patternsHref(name) : patternsHref('', name)}>{name}</a>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.rows.map(({ cause, cells }) => (
              <tr key={cause}>
                <th scope="row">{causeTitle(cause)}</th>
                {cells.map((count, index) => {
                  const name = matrix.columns[index] ?? ''
                  if (count === 0) return <td key={name} className="shade-0" aria-label="none" />
                  return (
                    <td key={name} className={`shade-${Math.ceil((count / matrix.most) * SHADES)}`}>
                      <a
                        href={searchHref('', filtersOf(cause, name))}
                        title={`${plural(count, 'rule')} of ${causeTitle(cause)} in ${name}`}
                      >
                        {count}
                      </a>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="fineprint">
        Each figure is how many different rules of a cause were found there
        {matrix.left > 0 && `; ${matrix.left} more are not shown`}.
      </p>
    </section>
  )
}
