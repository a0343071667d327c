import type { ReactNode } from 'react'
import type { Assessment } from '../api/types.ts'
import { NO_FILTERS, searchHref } from '../route.ts'
import { CopyButton } from '../ui/CopyButton.tsx'
import { RiskMeter } from '../ui/RiskMeter.tsx'
import { SeverityMark } from '../ui/SeverityMark.tsx'
import { LibraryTags } from '../ui/Tags.tsx'
import { TestTitle } from '../ui/TestTitle.tsx'
import { causeTitle } from '../words/causes.ts'
import { plural } from '../words/risk.ts'

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What the test is, what its code shows, and what the model guesses: three things side by side. */
export function TestHeader({ test }: { test: Assessment }) {
  const sure = test.confidence === null ? '' : `, the rules are ${Math.round(test.confidence * 100)}% sure`
  return (
    <header className="test-header">
      <p className="test-where">
        <a href={searchHref('', { ...NO_FILTERS, repos: [test.repo] })}>{test.repo}</a>
        <span>
          {test.file}:{test.line}
        </span>
        <CopyButton text={test.id} label="Copy id" />
      </p>
      <h1>
        <TestTitle id={test.id} />
      </h1>
      <dl className="facts">
        <Fact name="Evidence">
          <SeverityMark severity={test.severity} />
          <small>
            {plural(test.details.length, 'finding')}
            {test.details.length > 0 && sure}
          </small>
        </Fact>
        <Fact name="Model’s guess">
          <RiskMeter risk={test.risk} basis={test.riskBasis} />
          {test.risk === null && <small>none</small>}
        </Fact>
        {test.causes.length > 0 && (
          <Fact name={test.causes.length === 1 ? 'Cause' : 'Causes'}>
            <ul className="plain">
              {test.causes.map((cause) => (
                <li key={cause}>
                  <a href={searchHref('', { ...NO_FILTERS, causes: [cause] })}>{causeTitle(cause)}</a>
                </li>
              ))}
            </ul>
          </Fact>
        )}
        <Fact name="Uses">
          <span className="fact-tags">
            <LibraryTags libraries={test.libraries} isAsync={test.isAsync} />
            {test.framework && <span className="tag">{test.framework}</span>}
          </span>
          {test.fixtures.length > 0 && (
            <small className="fixtures">
              {test.fixtures.length === 1 ? 'fixture' : 'fixtures'} {test.fixtures.join(', ')}
            </small>
          )}
        </Fact>
        {test.teams.length > 0 && (
          <Fact name={test.teams.length === 1 ? 'Owner' : 'Owners'}>
            <ul className="plain">
              {test.teams.map((team) => (
                <li key={team}>
                  <a href={searchHref('', { ...NO_FILTERS, teams: [team] })}>{team}</a>
                </li>
              ))}
            </ul>
          </Fact>
        )}
      </dl>
    </header>
  )
}
