import { getSimilar } from '../api/client.ts'
import { useLoad } from '../api/useLoad.ts'
import { HitList } from '../search/HitList.tsx'
import { Loading } from '../ui/Loading.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'

export function Similar({ repo, id }: { repo: string; id: string }) {
  const similar = useLoad(`similar ${repo} ${id}`, (signal) => getSimilar(repo, id, signal))
  return (
    <section className="similar" aria-labelledby="similar" aria-busy={similar.loading}>
      <div className="section-head">
        <h2 id="similar">Similar tests</h2>
        <p>by meaning and by structure</p>
      </div>
      {similar.problem && <ProblemNote problem={similar.problem} retry={similar.retry} />}
      {similar.loading && <Loading what="similar tests" rows={3} />}
      {similar.data?.length === 0 && <p className="panel-empty">No other test in the index is like this one.</p>}
      {similar.data && similar.data.length > 0 && <HitList hits={similar.data} />}
    </section>
  )
}
