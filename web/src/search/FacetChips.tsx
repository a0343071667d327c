import type { Reading } from '../api/types.ts'
import { causeTitle } from '../words/causes.ts'
import type { Facet } from './facets.ts'

interface Props {
  facets: Facet[]
  reading: Reading
  onRemove: (facet: Facet) => void
}

/** How the query was read, each part removable. */
export function FacetChips({ facets, reading, onRemove }: Props) {
  if (facets.length === 0 && reading.topics.length === 0) return null
  return (
    <div className="facets">
      <span className="facets-label">Read as</span>
      <ul aria-label="How the query was read">
        {facets.map((facet) => (
          <li key={`${facet.kind} ${facet.value}`}>
            <button
              type="button"
              className="chip"
              aria-label={`Remove “${facet.label}” from the query`}
              onClick={() => onRemove(facet)}
            >
              {facet.label}
              <svg viewBox="0 0 10 10" width="8" height="8" aria-hidden="true">
                <path d="M1 1l8 8M9 1L1 9" />
              </svg>
            </button>
          </li>
        ))}
      </ul>
      {reading.topics.length > 0 && (
        <span className="facets-rest">first what has to do with {reading.topics.map(causeTitle).join(', ')}</span>
      )}
      {reading.remainder && <span className="facets-rest">by meaning: “{reading.remainder}”</span>}
    </div>
  )
}
