import type { Pattern } from '../api/types.ts'
import { patternsHref, ruleHref, testHref } from '../route.ts'
import { SeverityMark } from '../ui/SeverityMark.tsx'
import { testName } from '../words/testName.ts'
import { NameList } from './NameList.tsx'

const MOST_EXAMPLES = 3

/** One rule: how many tests it marks, where, whose, and some of them. */
export function PatternRow({ pattern, most }: { pattern: Pattern; most: number }) {
  return (
    <li className="pattern">
      <p className="pattern-rule">
        {pattern.code && (
          <a className="code" href={ruleHref(pattern.code)}>
            {pattern.code}
          </a>
        )}
        <span className="pattern-name">{pattern.name}</span>
        {pattern.severity && <SeverityMark severity={pattern.severity} />}
      </p>
      <p className="pattern-tests">
        <span className="figure">{pattern.tests.toLocaleString('en')}</span> {pattern.tests === 1 ? 'test' : 'tests'}
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect className="track" width="100" height="4" />
          <rect className="value" width={(pattern.tests / most) * 100} height="4" />
        </svg>
      </p>
      <NameList label="in" names={pattern.repos} href={(name) => patternsHref(name)} />
      <NameList label="of" names={pattern.teams} href={(name) => patternsHref('', name)} />
      {pattern.examples.length > 0 && (
        <ul className="pattern-examples" aria-label="Examples">
          {pattern.examples.slice(0, MOST_EXAMPLES).map(({ repo, id }) => (
            <li key={`${repo} ${id}`}>
              <a href={testHref(repo, id)}>{testName(id).name}</a>
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}
