// How the service read a query, as chips; and the query without one of them.
import type { Filters, Reading } from '../api/types.ts'
import { causeTitle } from '../words/causes.ts'
import { plural } from '../words/risk.ts'

export type FacetKind =
  | 'async'
  | 'flaky'
  | 'library'
  | 'cause'
  | 'severity'
  | 'code'
  | 'repo'
  | 'team'
  | 'path'
  | 'failed'
  | 'observed'
  | 'proved'
  | 'does'
  | 'itself'
  | 'name'
  | 'framework'
  | 'project'
  | 'not-does'
  | 'not-word'
  | 'not-library'
  | 'not-cause'
  | 'not-repo'

export interface Facet {
  kind: FacetKind
  value: string
  label: string
}

/** Chips for what the query itself said; what is set as a filter has its own control. */
export function readFacets(reading: Reading, filters: Filters): Facet[] {
  const facets: Facet[] = []
  const add = (kind: FacetKind, values: string[], label: (value: string) => string, set: string[] = []): void => {
    for (const value of values) if (!set.includes(value)) facets.push({ kind, value, label: label(value) })
  }
  if (reading.isAsync !== null) add('async', [String(reading.isAsync)], () => (reading.isAsync ? 'async' : 'not async'))
  add('library', reading.libraries, (value) => `uses ${value}`)
  add('project', reading.projects, (value) => `of ${value}`)
  add('does', reading.does, (value) => activity(value))
  if (reading.itself) add('itself', ['true'], () => 'by itself')
  add('name', reading.names, (value) => `says ${value}`)
  if (reading.framework) add('framework', [reading.framework], (value) => `${value} style`)
  add('cause', reading.causes, causeTitle, filters.causes)
  add('code', reading.codes, (value) => `rule ${value}`)
  add('severity', reading.severities, (value) => `severity ${value}`, filters.severities)
  add('repo', reading.repos, (value) => `in ${value}`, filters.repos)
  add('team', reading.teams, (value) => `of ${value}`, filters.teams)
  add('path', reading.paths, (value) => `under ${value}`)
  if (reading.flaky !== null) add('flaky', [String(reading.flaky)], () => (reading.flaky ? 'with findings' : 'no findings'))
  const days = reading.failedWithinDays
  if (days !== null) add('failed', [String(days)], () => `failed within ${plural(days, 'day')}`)
  if (reading.observed) add('observed', [reading.observed], () => `seen ${reading.observed}`)
  if (reading.proved !== null) add('proved', [String(reading.proved)], () => (reading.proved ? 'proved' : 'not proved'))
  add('not-does', reading.notDoes, (value) => `no ${activity(value)}`)
  add('not-word', reading.notWords, (value) => `without ${value}`)
  add('not-library', reading.notLibraries, (value) => `without ${value}`)
  add('not-cause', reading.notCauses, (value) => `not ${causeTitle(value)}`)
  add('not-repo', reading.notRepos, (value) => `not in ${value}`)
  return facets
}

function activity(name: string): string {
  return name.replace(/-/g, ' ')
}

/** Words that say one facet and nothing else, so that taking them out leaves the rest as it was. */
function wordsOf({ kind, value }: Facet): string | null {
  const literal = value.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replace(/[ _-]/g, '[ _-]?')
  switch (kind) {
    case 'async':
      return value === 'true'
        ? String.raw`async:(?:true|yes)|async(?:io|hronous(?:ly)?)?|coroutines?`
        : String.raw`async:(?:false|no)|(?:not|non|no)[ -]async\w*|sync(?:hronous(?:ly)?)?`
    case 'flaky':
      return value === 'true'
        ? String.raw`flak(?:e|es|y|ey|iness|ily)|unstable|instability|unreliable|intermittent(?:ly)?|non-?deterministic`
        : String.raw`not flaky|stable|reliable|deterministic|healthy`
    case 'library':
      return `(?:lib(?:rary)?:)?${literal}`
    case 'itself':
      return String.raw`itself|themselves|directly`
    case 'name':
      return String.raw`${literal}(?:\(\))?`
    case 'project':
      return literal
    case 'not-word':
      return `(?:without|except|excluding|exclude|apart from|aside from|other than|rather than|but not) ${literal}`
    case 'severity':
      return `severity:${literal}|${literal}(?: severity| risk)?`
    case 'code':
      return `(?:rule:|code:|rule )?${literal}`
    default:
      return null
  }
}

function quoted(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value
}

/** A facet as the service always reads it. */
function spelled({ kind, value }: Facet): string {
  switch (kind) {
    case 'async':
      return value === 'true' ? 'async' : 'async:false'
    case 'flaky':
      return value === 'true' ? 'flaky' : 'stable'
    case 'library':
      return `lib:${quoted(value)}`
    case 'code':
      return value
    case 'failed':
      return `failed in the last ${value} days`
    case 'observed':
      return { flaky: 'known flaky', stable: 'never failed', broken: 'never passed' }[value] ?? ''
    case 'proved':
      return value === 'true' ? 'proved' : 'not proved'
    case 'itself':
      return 'itself'
    case 'name':
    case 'project':
      return value
    case 'not-does':
      return `-does:${value}`
    case 'not-word':
      return `without ${value}`
    case 'not-library':
      return `-lib:${quoted(value)}`
    case 'not-cause':
      return `-cause:${value}`
    case 'not-repo':
      return `-repo:${quoted(value)}`
    default:
      return `${kind}:${quoted(value)}`
  }
}

function squeeze(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/**
 * The query without what was read as `facet`. Where that was said in words of its own, they are taken out; else
 * the query is spelled out again from the other facets and the remainder.
 */
export function withoutFacet(query: string, facet: Facet, all: Facet[], remainder: string): string {
  const words = wordsOf(facet)
  if (words !== null) {
    const pattern = new RegExp(String.raw`(?<![\p{L}\p{N}_:-])(?:${words})(?:-(?=[\p{L}\p{N}])|(?![\p{L}\p{N}_:]))`, 'giu')
    const shorter = squeeze(query.replace(pattern, ' '))
    if (shorter !== squeeze(query)) return shorter
  }
  return squeeze([...all.filter((other) => other !== facet).map(spelled), remainder].join(' '))
}
