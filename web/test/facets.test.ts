import { describe, expect, it } from 'vitest'
import { readSearch } from '../src/api/read.ts'
import { NO_FILTERS } from '../src/route.ts'
import { type Facet, readFacets, withoutFacet } from '../src/search/facets.ts'

const READING = readSearch({
  query: 'similar async Redis flakes',
  facets: { async: true, libraries: ['redis'], causes: ['network'], severities: ['high'], not_libraries: ['numpy'], flaky: true, remainder: 'similar' },
}).reading

function facet(kind: Facet['kind']): Facet {
  const found = readFacets(READING, NO_FILTERS).find((one) => one.kind === kind)
  if (!found) throw new Error(`no facet ${kind}`)
  return found
}

describe('the reading of a query', () => {
  it('becomes chips', () => {
    expect(readFacets(READING, NO_FILTERS).map(({ label }) => label)).toEqual([
      'async', 'uses redis', 'network and services', 'severity high', 'with findings', 'without numpy',
    ])
  })

  it('leaves out what is already a filter', () => {
    const set = { ...NO_FILTERS, causes: ['network'], severities: ['high'] }
    expect(readFacets(READING, set).map(({ label }) => label)).toEqual(['async', 'uses redis', 'with findings', 'without numpy'])
  })

  it('tells what runs showed, and spells it again', () => {
    const { reading } = readSearch({ facets: { failed_within_days: 7, observed: 'flaky', proved: false, remainder: 'lock' } })
    const facets = readFacets(reading, NO_FILTERS)
    expect(facets.map(({ label }) => label)).toEqual(['failed within 7 days', 'seen flaky', 'not proved'])
    const [failed] = facets
    if (failed) expect(withoutFacet('x', failed, facets, 'lock')).toBe('known flaky not proved lock')
  })

  it('shows names of code and who should do it, and takes them out', () => {
    const query = 'tests that call time.sleep() themselves, apart from docker'
    const facets = { does: ['sleep'], itself: true, names: ['time.sleep'], not_words: ['docker'], remainder: 'call' }
    const all = readFacets(readSearch({ query, facets }).reading, NO_FILTERS)
    expect(all.map(({ label }) => label)).toEqual(['sleep', 'by itself', 'says time.sleep', 'without docker'])
    const left = (kind: Facet['kind']): string => {
      const gone = all.find((one) => one.kind === kind)
      return gone ? withoutFacet(query, gone, all, 'call') : ''
    }
    expect(left('itself')).toBe('tests that call time.sleep() , apart from docker')
    expect(left('name')).toBe('tests that call themselves, apart from docker')
    expect(left('not-word')).toBe('tests that call time.sleep() themselves,')
    expect(left('does')).toBe('itself time.sleep without docker call')
  })

  it('is empty where the service says nothing', () => {
    expect(readFacets(readSearch({ hits: [] }).reading, NO_FILTERS)).toEqual([])
  })
})

describe('the query without a chip', () => {
  it.each([
    ['async', 'similar async Redis flakes', 'similar Redis flakes'],
    ['library', 'similar async Redis flakes', 'similar async flakes'],
    ['flaky', 'similar async Redis flakes', 'similar async Redis'],
    ['library', 'redisson is not redis', 'redisson is not'],
    ['library', 'lib:redis -lib:redis x', '-lib:redis x'],
    ['severity', 'HIGH risk locks', 'locks'],
    ['async', 'async:true async-safe locks', 'safe locks'],
  ] as const)('takes out the words of %s: %s', (kind, query, wanted) => {
    expect(withoutFacet(query, facet(kind), readFacets(READING, NO_FILTERS), READING.remainder)).toBe(wanted)
  })

  it('is put together again where the service knew another word', () => {
    const all = readFacets(READING, NO_FILTERS)
    const shorter = (kind: Facet['kind']): string => {
      const gone = all.find((one) => one.kind === kind)
      return gone ? withoutFacet('flaky coroutines on valkey without numpy', gone, all, 'things') : ''
    }
    expect(shorter('library')).toBe('async cause:network severity:high flaky -lib:numpy things')
    expect(shorter('not-library')).toBe('async lib:redis cause:network severity:high flaky things')
    expect(shorter('cause')).toBe('async lib:redis severity:high flaky -lib:numpy things')
  })
})
