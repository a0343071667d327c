import type { Problem } from '../api/types.ts'

/** What failed, why, and how to mend it, in the service's own words. */
export function ProblemNote({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div className="problem" role="alert">
      <p className="problem-title">
        {problem.title}
        {problem.status !== null && <span className="problem-status">{problem.status}</span>}
      </p>
      {problem.detail && <p className="problem-detail">{problem.detail}</p>}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}
