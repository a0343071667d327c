import type { Pattern } from '../api/types.ts'
import { CAUSES } from '../words/causes.ts'

export interface Matrix {
  columns: string[]
  /** Columns left out, since they would not fit. */
  left: number
  rows: { cause: string; cells: number[] }[]
  most: number
}

/** How many rules of each cause were seen in each repository (or team); the most affected columns first. */
export function causeMatrix(patterns: Pattern[], kind: 'repos' | 'teams', mostColumns: number): Matrix {
  const rules = (cause: string | null, name: string): number =>
    patterns.filter((pattern) => (cause === null || pattern.cause === cause) && pattern[kind].includes(name)).length
  const names = [...new Set(patterns.flatMap((pattern) => pattern[kind]))].toSorted(
    (one, other) => rules(null, other) - rules(null, one) || one.localeCompare(other),
  )
  const columns = names.slice(0, mostColumns)
  const rows = CAUSES.map(([cause]) => ({ cause, cells: columns.map((name) => rules(cause, name)) }))
  return {
    columns,
    left: names.length - columns.length,
    rows: rows.filter(({ cells }) => cells.some((count) => count > 0)),
    most: Math.max(1, ...rows.flatMap(({ cells }) => cells)),
  }
}
