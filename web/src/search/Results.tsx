import { useState } from 'react'
import { search } from '../api/client.ts'
import type { Filters } from '../api/types.ts'
import { useLoad } from '../api/useLoad.ts'
import { searchHref } from '../route.ts'
import { Loading } from '../ui/Loading.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { plural } from '../words/risk.ts'
import { FacetChips } from './FacetChips.tsx'
import { readFacets, withoutFacet } from './facets.ts'
import { HitList } from './HitList.tsx'
import { NothingFound } from './NothingFound.tsx'

interface Props {
  query: string
  filters: Filters
  onQuery: (query: string) => void
  onFilters: (filters: Filters) => void
}

const STEP = 20
const MOST = 100

/** The answer to a query. */
export function Results({ query, filters, onQuery, onFilters }: Props) {
  const address = searchHref(query, filters)
  const [more, setMore] = useState({ address, limit: STEP })
  const limit = more.address === address ? more.limit : STEP
  const answer = useLoad(`search ${limit} ${address}`, (signal) => search(query, filters, limit, signal))

  if (answer.problem) {
    return (
      <section className="results" aria-label="Results">
        <ProblemNote problem={answer.problem} retry={answer.retry} />
      </section>
    )
  }
  if (!answer.data) {
    return (
      <section className="results" aria-label="Results" aria-busy="true">
        <Loading what="results" />
      </section>
    )
  }

  const { reading, unmet, hits } = answer.data
  const facets = readFacets(reading, filters)
  const remove = (facet: (typeof facets)[number]): void => onQuery(withoutFacet(query, facet, facets, reading.remainder))
  return (
    <section className="results" aria-label="Results" aria-busy={answer.loading}>
      <FacetChips facets={facets} reading={reading} onRemove={remove} />
      {hits.length === 0 && !answer.loading ? (
        <NothingFound filters={filters} onFilters={onFilters} facets={facets} onRemove={remove} />
      ) : (
        <>
          <p className="results-count" role="status">
            {plural(hits.length, 'test')}, the most relevant first
            {unmet.length > 0 && <>; none of them: {unmet.join('; ')}</>}
          </p>
          <HitList hits={hits} />
          {hits.length >= limit && limit < MOST && (
            <button
              type="button"
              className="button more"
              disabled={answer.loading}
              onClick={() => setMore({ address, limit: Math.min(limit + STEP, MOST) })}
            >
              Show more
            </button>
          )}
        </>
      )}
    </section>
  )
}
