import type { Hit } from '../api/types.ts'
import { testHref } from '../route.ts'
import { RiskMeter } from '../ui/RiskMeter.tsx'
import { SeverityMark } from '../ui/SeverityMark.tsx'
import { CauseTags, LibraryTags } from '../ui/Tags.tsx'
import { plural } from '../words/risk.ts'
import { TestTitle } from '../ui/TestTitle.tsx'

/** One test of a list: the evidence left, the model's guess right. */
export function HitRow({ hit }: { hit: Hit }) {
  return (
    <li className="hit">
      <div className="hit-main">
        <p className="hit-where">
          <SeverityMark severity={hit.severity} />
          <span className="hit-repo">{hit.repo}</span>
          <span className="hit-file">
            {hit.file}:{hit.line}
          </span>
        </p>
        <h3 className="hit-title">
          <a className="hit-link" href={testHref(hit.repo, hit.id)}>
            <TestTitle id={hit.id} />
          </a>
        </h3>
        {hit.why.length > 0 && (
          <ul className="hit-why">
            {hit.why.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        )}
        {hit.twins.length > 0 && (
          <p className="hit-twins">stands for {plural(hit.twins.length, 'more test')} with the same body</p>
        )}
        <p className="hit-tags">
          <LibraryTags libraries={hit.libraries} isAsync={hit.isAsync} />
          <CauseTags causes={hit.causes} />
          {hit.findings.map((code) => (
            <span key={code} className="code">
              {code}
            </span>
          ))}
          {hit.teams.map((team) => (
            <span key={team} className="team">
              {team}
            </span>
          ))}
        </p>
      </div>
      <RiskMeter risk={hit.risk} basis={hit.riskBasis} />
    </li>
  )
}
