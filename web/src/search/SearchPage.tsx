import { getPatterns } from '../api/client.ts'
import type { Filters } from '../api/types.ts'
import { useLoad } from '../api/useLoad.ts'
import { hasFilters, searchHref } from '../route.ts'
import { useTitle } from '../ui/useTitle.ts'
import { go } from '../useRoute.ts'
import { Browse } from './Browse.tsx'
import { FilterRail } from './FilterRail.tsx'
import { Results } from './Results.tsx'
import { SearchBox } from './SearchBox.tsx'
import { Welcome } from './Welcome.tsx'

interface Props {
  query: string
  filters: Filters
  all: boolean
}

/** The welcome, the answer to a query, or the list of all tests, by what the address says. */
export function SearchPage({ query, filters, all }: Props) {
  const patterns = useLoad('patterns', getPatterns)
  const browsing = all || hasFilters(filters)
  useTitle(query || (browsing ? 'All tests' : ''))

  if (!query && !browsing) return <Welcome patterns={patterns} />

  const change = (next: Filters): void => go(searchHref(query, next, all))
  return (
    <div className="search-page">
      <SearchBox query={query} onSearch={(text) => go(searchHref(text, filters, text === ''))} />
      <div className="with-rail">
        <FilterRail filters={filters} repos={patterns.data?.repos ?? []} teams={patterns.data?.teams ?? []} onChange={change} />
        {query ? (
          <Results query={query} filters={filters} onFilters={change} onQuery={(text) => go(searchHref(text, filters))} />
        ) : (
          <Browse filters={filters} />
        )}
      </div>
    </div>
  )
}
