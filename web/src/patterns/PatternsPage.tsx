import { getPatterns } from '../api/client.ts'
import { useLoad } from '../api/useLoad.ts'
import { patternsHref } from '../route.ts'
import { Loading } from '../ui/Loading.tsx'
import { Note } from '../ui/Note.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { useTitle } from '../ui/useTitle.ts'
import { go } from '../useRoute.ts'
import { plural } from '../words/risk.ts'
import { CauseMatrix } from './CauseMatrix.tsx'
import { Chooser } from './Chooser.tsx'
import { groupByCause } from './group.ts'
import { PatternGroup } from './PatternGroup.tsx'

/** Which causes and rules repeat, over repositories and teams. */
export function PatternsPage({ repo, team }: { repo: string; team: string }) {
  const load = useLoad('patterns', getPatterns)
  useTitle('Patterns')
  if (load.problem) return <ProblemNote problem={load.problem} retry={load.retry} />
  if (!load.data) return <Loading what="patterns" rows={8} />

  const { patterns: all, repos, teams, tests } = load.data
  const shown = all.filter(
    (pattern) => (!repo || pattern.repos.includes(repo)) && (!team || pattern.teams.includes(team)),
  )
  const groups = groupByCause(shown)
  const most = Math.max(1, ...all.map(({ tests }) => tests))
  return (
    <div className="patterns">
      <header className="page-head">
        <h1>Patterns</h1>
        <p>
          What repeats in {tests !== null && `${plural(tests, 'test')} of `}
          {plural(repos.length, 'repository', 'repositories')}
          {teams.length > 0 && ` and ${plural(teams.length, 'team')}`}: rules by cause, the most widespread first.
        </p>
        <div className="choosers">
          <Chooser label="Repository" all="all repositories" names={repos} value={repo} onChange={(name) => go(patternsHref(name, team))} />
          <Chooser label="Team" all="all teams" names={teams} value={team} onChange={(name) => go(patternsHref(repo, name))} />
        </div>
      </header>
      {groups.length === 0 && (
        <Note title={all.length === 0 ? 'Nothing repeats yet.' : 'No pattern fits this choice.'}>
          {all.length === 0 && (
            <p>
              Patterns are made from what is indexed: <code>flakydetector index PATH</code>, best for several
              repositories.
            </p>
          )}
        </Note>
      )}
      {shown.length > 1 && <CauseMatrix patterns={shown} />}
      {groups.map((group) => (
        <PatternGroup key={group.cause} group={group} most={most} />
      ))}
    </div>
  )
}
