// How the service read a query, as chips; and the query without one of them.
import type { Filters, Reading } from '../api/types.ts'
import { CAUSES, causeTitle } from '../words/causes.ts'

export type FacetKind = 'async' | 'library' | 'cause' | 'severity' | 'repo' | 'team' | 'flaky'

export interface Facet {
  kind: FacetKind
  value: string
  label: string
}

/** Chips for what the query itself said; what is set as a filter has its own control. */
export function readFacets(reading: Reading, filters: Filters): Facet[] {
  const facets: Facet[] = []
  if (reading.isAsync !== null) {
    facets.push({ kind: 'async', value: String(reading.isAsync), label: reading.isAsync ? 'async' : 'not async' })
  }
  const add = (kind: FacetKind, values: string[], set: string[], label: (value: string) => string): void => {
    for (const value of values) if (!set.includes(value)) facets.push({ kind, value, label: label(value) })
  }
  add('library', reading.libraries, [], (value) => `uses ${value}`)
  add('cause', reading.causes, filters.causes, causeTitle)
  add('severity', reading.severities, filters.severities, (value) => `severity ${value}`)
  add('repo', reading.repos, filters.repos, (value) => `in ${value}`)
  add('team', reading.teams, filters.teams, (value) => `of ${value}`)
  if (reading.flaky) facets.push({ kind: 'flaky', value: 'true', label: 'with findings' })
  return facets
}

/** Words that people use for a facet, as the start of a pattern. */
const WORDS: Record<string, string> = {
  async: String.raw`async(?:io|hronous(?:ly)?)?|coroutines?|await(?:ed|ing)?`,
  'not async': String.raw`(?:not|non|no)[ -]?async\w*|sync(?:hronous(?:ly)?)?`,
  flaky: String.raw`flak(?:e|es|y|iness|ing)|unstable|instability|unreliable|intermittent(?:ly)?|non-?deterministic`,
  'async-wait': String.raw`async[ -]wait|wait(?:s|ed|ing)?|sleep(?:s|ing)?|poll(?:s|ing)?`,
  concurrency: String.raw`concurren\w+|threads?|threading|threaded|races?|racy|race conditions?|parallel`,
  network: String.raw`networks?|networking|http|sockets?|ports?|services?`,
  time: String.raw`time|times|timing|date|dates|datetime|clocks?|time ?zones?`,
  randomness: String.raw`random\w*|seed(?:s|ed)?|unseeded`,
  'shared-state': String.raw`shared[ -]state|shared|state|globals?|test[ -]order|order[ -]dependent`,
  resources: String.raw`resources?|files?|leaks?|leaking`,
  unordered: String.raw`unordered|sets?|ordering`,
  structure: String.raw`structure|floats?|float equality|complex(?:ity)?`,
}

function wordsOf(facet: Facet): string {
  if (facet.kind === 'async') return WORDS[facet.label] ?? facet.label
  if (facet.kind === 'flaky') return WORDS['flaky'] ?? ''
  const literal = facet.value.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replace(/[ _-]/g, '[ _-]?')
  if (facet.kind === 'cause') {
    const title = causeTitle(facet.value).replaceAll(' ', String.raw`\s+`)
    return [literal, title, WORDS[facet.value]].filter(Boolean).join('|')
  }
  return literal
}

function without(text: string, facet: Facet): string {
  const pattern = new RegExp(String.raw`(?<![\p{L}\p{N}_])(?:${wordsOf(facet)})(?![\p{L}\p{N}_])`, 'giu')
  return text.replace(pattern, ' ').replace(/\s+/g, ' ').trim()
}

/**
 * The query without what was read as `facet`: its words are taken out; where none are found (the service knew
 * another word for it), the query is put together again from the other facets and the remainder.
 */
export function withoutFacet(query: string, facet: Facet, all: Facet[], remainder: string): string {
  const shorter = without(query, facet)
  if (shorter !== query.replace(/\s+/g, ' ').trim()) return shorter
  const others = all.filter((other) => other !== facet).map(facetWords)
  return without([...others, remainder].join(' '), facet)
}

function facetWords(facet: Facet): string {
  if (facet.kind === 'flaky') return 'flaky'
  if (facet.kind === 'async') return facet.label
  if (facet.kind === 'cause') return CAUSES.find(([name]) => name === facet.value)?.[1] ?? facet.value
  return facet.value
}
