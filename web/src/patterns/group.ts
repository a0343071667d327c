import type { Pattern } from '../api/types.ts'
import { CAUSES } from '../words/causes.ts'

export interface CauseGroup {
  cause: string
  patterns: Pattern[]
  repos: string[]
  teams: string[]
}

export function namesOf(patterns: Pattern[], kind: 'repos' | 'teams'): string[] {
  return [...new Set(patterns.flatMap((pattern) => pattern[kind]))].toSorted()
}

/** Patterns by cause, in the order of the hundreds; within a cause the most widespread rule first. */
export function groupByCause(patterns: Pattern[]): CauseGroup[] {
  const order = CAUSES.map(([name]) => name)
  const causes = [...new Set([...order, ...patterns.map(({ cause }) => cause)])]
  return causes
    .map((cause) => {
      const own = patterns
        .filter((pattern) => pattern.cause === cause)
        .toSorted(
          (one, other) =>
            other.repos.length - one.repos.length || other.tests - one.tests || one.code.localeCompare(other.code),
        )
      return { cause, patterns: own, repos: namesOf(own, 'repos'), teams: namesOf(own, 'teams') }
    })
    .filter((group) => group.patterns.length > 0)
}
