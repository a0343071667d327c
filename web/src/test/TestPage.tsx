import { getTest } from '../api/client.ts'
import { useLoad } from '../api/useLoad.ts'
import { Explanation } from '../explanation/Explanation.tsx'
import { FixPanel } from '../explanation/FixPanel.tsx'
import { Loading } from '../ui/Loading.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { useTitle } from '../ui/useTitle.ts'
import { testName } from '../words/testName.ts'
import { Evidence } from './Evidence.tsx'
import { Movers } from './Movers.tsx'
import { Outcomes } from './Outcomes.tsx'
import { Similar } from './Similar.tsx'
import { SourceView } from './SourceView.tsx'
import { TestHeader } from './TestHeader.tsx'

export function TestPage({ repo, id }: { repo: string; id: string }) {
  const test = useLoad(`test ${repo} ${id}`, (signal) => getTest(repo, id, signal))
  useTitle(testName(id).name)

  if (test.problem) return <ProblemNote problem={test.problem} retry={test.retry} />
  if (!test.data) return <Loading what="the test" rows={8} />
  const assessment = test.data
  return (
    <article className="test">
      <TestHeader test={assessment} />
      <div className="test-columns">
        <SourceView test={assessment} />
        <Explanation test={assessment} />
        <div className="test-below">
          {assessment.details.length > 0 && <FixPanel test={assessment} />}
          <div className="beside">
            <div className="stack">
              <Outcomes test={assessment} />
              <Evidence test={assessment} />
            </div>
            <Movers test={assessment} />
          </div>
          <Similar repo={assessment.repo} id={assessment.id} />
        </div>
      </div>
    </article>
  )
}
