import type { Patterns } from '../api/types.ts'
import type { Load } from '../api/useLoad.ts'
import { NO_FILTERS, patternsHref, searchHref } from '../route.ts'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { go } from '../useRoute.ts'
import { CAUSES } from '../words/causes.ts'
import { plural } from '../words/risk.ts'
import { SearchBox } from './SearchBox.tsx'

const EXAMPLES = [
  'similar async Redis flakes',
  'tests that sleep instead of waiting',
  'order dependent tests with a module global',
  'unseeded random data compared with exact floats',
  'hard-coded port',
]

/** Before the first question: the box, what can be asked, and what the index holds by cause. */
export function Welcome({ patterns }: { patterns: Load<Patterns> }) {
  const found = patterns.data?.patterns ?? []
  const repos = patterns.data?.repos.length ?? 0
  const tests = patterns.data?.tests ?? null
  const causes = CAUSES.map(([cause, title], index) => {
    const of = found.filter((pattern) => pattern.cause === cause)
    return { cause, title, hundred: `FD${index + 1}`, sum: of.reduce((sum, { tests }) => sum + tests, 0) }
  })
  const most = Math.max(1, ...causes.map(({ sum }) => sum))

  return (
    <div className="welcome">
      <h1>Which tests will fail for no reason?</h1>
      <p className="lead">
        Ask for unstable tests in plain words. Every hit shows its evidence, and every sentence of an explanation cites
        what it rests on.
      </p>
      <SearchBox query="" prominent onSearch={(text) => text && go(searchHref(text))} />
      <ul className="examples" aria-label="Examples">
        {EXAMPLES.map((example) => (
          <li key={example}>
            <a href={searchHref(example)}>{example}</a>
          </li>
        ))}
      </ul>

      {patterns.problem && <ProblemNote problem={patterns.problem} retry={patterns.retry} />}
      {patterns.data && found.length === 0 && (
        <div className="note">
          <h2>The index is empty, or nothing in it has a finding.</h2>
          <p>
            Fill it with <code>flakydetector index PATH</code>, then ask again.
          </p>
        </div>
      )}
      {found.length > 0 && (
        <section className="by-cause" aria-labelledby="by-cause">
          <div className="section-head">
            <h2 id="by-cause">What the index holds, by cause</h2>
            <a href={patternsHref()}>
              All patterns{repos > 0 && ` in ${plural(repos, 'repository', 'repositories')}`}
            </a>
          </div>
          <ul>
            {causes.map((row) => (
              <li key={row.cause}>
                <a href={searchHref('', { ...NO_FILTERS, causes: [row.cause] })}>
                  <span className="by-cause-code">{row.hundred}</span>
                  <span className="by-cause-title">{row.title}</span>
                  <svg className="by-cause-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                    <rect className="track" width="100" height="4" />
                    <rect className="value" width={(row.sum / most) * 100} height="4" />
                  </svg>
                  <span className="by-cause-count">{row.sum.toLocaleString('en')}</span>
                </a>
              </li>
            ))}
          </ul>
          <p className="fineprint">{tests !== null && `${plural(tests, 'test')} in all. `}Counted by rule and test: a test that two rules mark counts
            twice.</p>
        </section>
      )}
    </div>
  )
}
