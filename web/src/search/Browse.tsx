import { useState } from 'react'
import { listTests } from '../api/client.ts'
import type { Filters } from '../api/types.ts'
import { useLoad } from '../api/useLoad.ts'
import { hasFilters, searchHref } from '../route.ts'
import { Loading } from '../ui/Loading.tsx'
import { Note } from '../ui/Note.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { HitList } from './HitList.tsx'

const PAGE = 50

/** All tests that fit the filters, page by page, in the index's own order. */
export function Browse({ filters }: { filters: Filters }) {
  const address = searchHref('', filters, true)
  const [trail, setTrail] = useState<{ address: string; cursors: string[] }>({ address, cursors: [] })
  const cursors = trail.address === address ? trail.cursors : []
  const cursor = cursors.at(-1) ?? ''
  const page = useLoad(`browse ${cursor} ${address}`, (signal) => listTests(filters, PAGE, cursor, signal))

  const turn = (next: string[]): void => {
    setTrail({ address, cursors: next })
    window.scrollTo({ top: 0 })
  }
  if (page.problem) {
    return (
      <section className="results" aria-label="Tests">
        <ProblemNote problem={page.problem} retry={page.retry} />
      </section>
    )
  }
  return (
    <section className="results" aria-label="Tests" aria-busy={page.loading}>
      <p className="results-count" role="status">
        {hasFilters(filters) ? 'Tests that fit the filters' : 'All tests of the index'}
        {cursors.length > 0 && `, page ${cursors.length + 1}`}
      </p>
      {!page.data && <Loading what="tests" rows={8} />}
      {page.data?.tests.length === 0 && !page.loading && (
        <Note title={hasFilters(filters) ? 'No test fits these filters.' : 'The index is empty.'}>
          {!hasFilters(filters) && (
            <p>
              Fill it with <code>flakydetector index PATH</code>.
            </p>
          )}
        </Note>
      )}
      {page.data && <HitList hits={page.data.tests} />}
      {(cursors.length > 0 || page.data?.next) && (
        <div className="pager">
          <button type="button" className="button" disabled={cursors.length === 0} onClick={() => turn(cursors.slice(0, -1))}>
            Previous page
          </button>
          <button
            type="button"
            className="button"
            disabled={!page.data?.next || page.loading}
            onClick={() => turn([...cursors, page.data?.next ?? ''])}
          >
            Next page
          </button>
        </div>
      )}
    </section>
  )
}
