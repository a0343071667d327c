import type { Filters } from '../api/types.ts'
import { NO_FILTERS, searchHref } from '../route.ts'
import type { Facet } from './facets.ts'
import { countFilters } from './filters.ts'

interface Props {
  filters: Filters
  facets: Facet[]
  onFilters: (filters: Filters) => void
  onRemove: (facet: Facet) => void
}

export function NothingFound({ filters, facets, onFilters, onRemove }: Props) {
  const count = countFilters(filters)
  return (
    <div className="note" role="status">
      <h2>Nothing relevant was found.</h2>
      <p>No test in the index fits closely enough. What may help:</p>
      <ul>
        {count > 0 && (
          <li>
            <button type="button" className="link" onClick={() => onFilters(NO_FILTERS)}>
              search without the {count === 1 ? 'filter' : `${count} filters`}
            </button>
          </li>
        )}
        {facets.map((facet) => (
          <li key={`${facet.kind} ${facet.value}`}>
            <button type="button" className="link" onClick={() => onRemove(facet)}>
              drop “{facet.label}” from the query
            </button>
          </li>
        ))}
        <li>
          <a href={searchHref('', NO_FILTERS, true)}>look through all tests</a>
        </li>
        <li>
          index more: <code>flakydetector index PATH</code>
        </li>
      </ul>
    </div>
  )
}
