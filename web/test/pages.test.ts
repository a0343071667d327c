import { describe, expect, it } from 'vitest'
import { readAssessment, readHit, readPatterns, readProblem } from '../src/api/read.ts'
import { causeMatrix } from '../src/patterns/matrix.ts'
import { groupByCause } from '../src/patterns/group.ts'
import { NO_FILTERS, parseRoute, searchHref, testHref } from '../src/route.ts'
import { blocks } from '../src/rules/markdown.ts'
import { movers } from '../src/words/contributions.ts'
import { readDefinitions } from '../features.ts'

describe('addresses', () => {
  it('lead back to what they were made from', () => {
    const id = 'tests/a b.py::TestÄ::test_100%_of?x#y/z'
    expect(parseRoute(testHref('my/repo', id))).toEqual({ page: 'test', repo: 'my/repo', id })
    expect(parseRoute(testHref('', id))).toEqual({ page: 'test', repo: '', id })
    const filters = { ...NO_FILTERS, causes: ['time', 'network'], teams: ['@a/b'] }
    expect(parseRoute(searchHref('a & b?', filters))).toEqual({ page: 'search', query: 'a & b?', filters, all: false })
    expect(parseRoute('#/tests/only')).toEqual({ page: 'unknown' })
  })
})

describe('reading what the service says', () => {
  it('fills what is missing', () => {
    expect(readHit({ id: 'a.py::test_a', findings: [{ code: 'FD101' }, 'FD101'] })).toMatchObject({
      file: 'a.py', severity: 'none', risk: null, riskBasis: 'prior', findings: ['FD101'], why: [], teams: [],
    })
    expect(readAssessment(null)).toMatchObject({ id: '', source: '', details: [], contributions: [] })
    expect(readProblem('<html>', 502)).toEqual({ title: 'the service answered 502', detail: '', status: 502 })
  })
})

describe('words for contributions', () => {
  it('come from the definitions of the features, the strongest first', () => {
    const rows = movers([{ feature: 'sleeps', value: 0.1 }, { feature: 'mocked_share', value: -0.7 }, { feature: 'awaits', value: 0.001 }], { sleeps: 2, mocked_share: 0.25 }, 5)
    expect(rows.map(({ words, amount, effect }) => [words, amount, effect])).toEqual([
      ['share of outside effects that are mocked', '25%', 'lowers it strongly'],
      ['calls that only let time pass', '2', 'raises it slightly'],
    ])
  })

  it('refuse a table that does not hold what it says', () => {
    expect(() => readDefinitions('COUNT: usize = 2;\nDEFINITIONS: [] = [\n("a", "b"),\n];')).toThrow(/1 of 2/)
  })
})

describe('patterns', () => {
  const patterns = readPatterns({
    patterns: [
      { cause: 'time', code: 'FD401', tests: 9, repos: ['a'], examples: ['t.py::test'] },
      { cause: 'time', code: 'FD402', tests: 2, repos: ['a', 'b'] },
      { cause: 'async-wait', code: 'FD101', tests: 1, repos: ['b'] },
    ],
  })

  it('come by cause, the most widespread rule first', () => {
    expect(groupByCause(patterns.patterns).map(({ patterns: own }) => own.map(({ code }) => code))).toEqual([['FD101'], ['FD402', 'FD401']])
  })

  it('are counted where they were found', () => {
    expect(causeMatrix(patterns.patterns, 'repos', 8)).toMatchObject({
      columns: ['a', 'b'], left: 0, most: 2, rows: [{ cause: 'async-wait', cells: [0, 1] }, { cause: 'time', cells: [2, 1] }],
    })
    expect(causeMatrix(patterns.patterns, 'repos', 1)).toMatchObject({ columns: ['a'], left: 1 })
  })
})

describe('the documentation of a rule', () => {
  it('is read into blocks', () => {
    const read = blocks('## What\nOne `x`\ntwo **b**.\n\n- a\n  more\n- b\n```python\n# no heading\n```\n<b>text</b>')
    expect(read.map(({ kind }) => kind)).toEqual(['heading', 'paragraph', 'list', 'code', 'paragraph'])
    expect(read.at(-1)).toEqual({ kind: 'paragraph', text: [{ kind: 'text', text: '<b>text</b>' }] })
  })

  it('ends a list at a fence', () => {
    expect(blocks('- a\n\n```python\n# no heading\n```').map(({ kind }) => kind)).toEqual(['list', 'code'])
  })
})
