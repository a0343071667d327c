import { useState } from 'react'
import type { Filters } from '../api/types.ts'
import { NO_FILTERS } from '../route.ts'
import { CAUSES } from '../words/causes.ts'
import { FilterGroup } from './FilterGroup.tsx'
import { countFilters, type FilterKind, toggle } from './filters.ts'

interface Props {
  filters: Filters
  /** All that can be chosen. */
  repos: string[]
  teams: string[]
  onChange: (filters: Filters) => void
}

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'none'].map((name) => ({
  value: name,
  label: name === 'none' ? 'no finding' : name,
}))

function options(known: string[], set: string[]): { value: string; label: string }[] {
  return [...new Set([...known, ...set])].toSorted().map((value) => ({ value, label: value }))
}

/** Filters beside the results; on a narrow screen they fold away. */
export function FilterRail({ filters, repos, teams, onChange }: Props) {
  const [open, setOpen] = useState(false)
  const count = countFilters(filters)
  const flip = (kind: FilterKind) => (value: string) => onChange(toggle(filters, kind, value))
  return (
    <aside className={open ? 'rail rail-open' : 'rail'} aria-label="Filters">
      <div className="rail-head">
        <button type="button" className="rail-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
          Filters{count > 0 && <span className="count">{count}</span>}
        </button>
        <h2>Filters</h2>
        {count > 0 && (
          <button type="button" className="link" onClick={() => onChange(NO_FILTERS)}>
            Clear all
          </button>
        )}
      </div>
      <div className="rail-body">
        <FilterGroup title="Severity" options={SEVERITIES} chosen={filters.severities} onToggle={flip('severities')} />
        <FilterGroup
          title="Cause"
          options={CAUSES.map(([value, label]) => ({ value, label }))}
          chosen={filters.causes}
          onToggle={flip('causes')}
        />
        <FilterGroup
          title="Repository"
          options={options(repos, filters.repos)}
          chosen={filters.repos}
          onToggle={flip('repos')}
        />
        <FilterGroup
          title="Team"
          options={options(teams, filters.teams)}
          chosen={filters.teams}
          onToggle={flip('teams')}
        />
      </div>
    </aside>
  )
}
