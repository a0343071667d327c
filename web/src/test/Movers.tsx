import type { Assessment } from '../api/types.ts'
import { movers } from '../words/contributions.ts'
import { testHref } from '../route.ts'
import { basisWords } from '../words/risk.ts'

const MOST = 7

/** What moved the model's guess, in words. Beside the evidence, never added to it. */
export function Movers({ test }: { test: Assessment }) {
  const rows = movers(test.contributions, test.features, MOST)
  const most = Math.max(0.01, ...rows.map(({ value }) => Math.abs(value)))
  return (
    <section className="panel" aria-labelledby="movers">
      <div className="panel-head">
        <h2 id="movers">What moved the model’s guess</h2>
        <p>{basisWords(test.riskBasis)}</p>
      </div>
      {rows.length === 0 ? (
        <p className="panel-empty">The service gave no contributions for this test.</p>
      ) : (
        <ul className="rows movers">
          {rows.map((row) => (
            <li key={row.feature} className={row.raises ? 'raises' : 'lowers'}>
              <svg viewBox="-50 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect className="track" x="-0.6" width="1.2" height="6" />
                <rect
                  className="value"
                  x={row.raises ? 0 : (row.value / most) * 50}
                  y="1"
                  width={(Math.abs(row.value) / most) * 50}
                  height="4"
                />
              </svg>
              <div>
                <span>
                  {row.words}
                  {row.amount !== null && <span className="amount">{row.amount}</span>}
                </span>
                <small>
                  {row.effect} ({row.value > 0 ? '+' : '−'}
                  {Math.abs(row.value).toFixed(2)} log-odds)
                </small>
              </div>
            </li>
          ))}
        </ul>
      )}
      {test.neighbours.length > 0 && (
        <>
          <p className="panel-empty">Tests of known outcome with the most similar code</p>
          <ul className="rows plain">
            {test.neighbours.map((near) => (
              <li key={near.id}>
                <div>
                  <a className="link" href={testHref(test.repo, near.id)}>
                    {near.id}
                  </a>
                  <small>
                    {near.flaky ? 'flaky' : 'stable'}, {Math.round(near.likeness * 100)}% alike
                  </small>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}
