import { NO_FILTERS, searchHref } from '../route.ts'
import { causeHundred, causeTitle } from '../words/causes.ts'
import { plural } from '../words/risk.ts'
import type { CauseGroup } from './group.ts'
import { PatternRow } from './PatternRow.tsx'

export function PatternGroup({ group, most }: { group: CauseGroup; most: number }) {
  const title = causeTitle(group.cause)
  return (
    <section className="pattern-group" aria-label={title}>
      <div className="section-head">
        <h2>
          <span className="hundred">{causeHundred(group.cause)}</span> {title}
        </h2>
        <p>
          {plural(group.repos.length, 'repository', 'repositories')}
          {group.teams.length > 0 && `, ${plural(group.teams.length, 'team')}`}
          <a href={searchHref('', { ...NO_FILTERS, causes: [group.cause] })}>Show the tests</a>
        </p>
      </div>
      <ul className="pattern-rows">
        {group.patterns.map((pattern) => (
          <PatternRow key={`${pattern.code} ${pattern.name}`} pattern={pattern} most={most} />
        ))}
      </ul>
    </section>
  )
}
