import type { Filters } from '../api/types.ts'

export type FilterKind = keyof Filters

/** The filters with `value` set where it was not, and unset where it was. */
export function toggle(filters: Filters, kind: FilterKind, value: string): Filters {
  const values = filters[kind]
  const next = values.includes(value) ? values.filter((other) => other !== value) : [...values, value]
  return { ...filters, [kind]: next }
}

export function countFilters(filters: Filters): number {
  return filters.causes.length + filters.severities.length + filters.repos.length + filters.teams.length
}
