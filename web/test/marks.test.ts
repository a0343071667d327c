import { describe, expect, it } from 'vitest'
import type { Finding } from '../src/api/types.ts'
import { placeFindings, segments, spanOn } from '../src/code/marks.ts'
import { highlight } from '../src/code/python.ts'

function finding(part: Partial<Finding>): Finding {
  return {
    code: 'FD101', name: '', cause: 'async-wait', line: 1, column: 0, endLine: 1, endColumn: 0, severity: 'high',
    confidence: 1, message: '', help: '', readBy: [], fix: null, ...part,
  }
}

function marked(line: string, findings: Finding[]): string[] {
  const tokens = highlight(line)[0] ?? []
  const out = segments(tokens, findings.map((one) => spanOn(line, one)))
  expect(out.map(({ text }) => text).join('')).toBe(line)
  return out.filter(({ mark }) => mark !== null).map(({ text, mark }) => `${mark}:${text}`)
}

describe('marks in the source', () => {
  it('underlines exactly the span, across tokens', () => {
    expect(marked('    time.sleep(5)  # now', [finding({ column: 4, endColumn: 17 })]).join('')).toBe(
      'high:time.high:sleephigh:(high:5high:)',
    )
  })

  it('counts characters, not UTF-16 units', () => {
    expect(marked('x = "😀😀" + f', [finding({ column: 11, endColumn: 12 })])).toEqual(['high:f'])
  })

  it('underlines the first line of a finding over several', () => {
    expect(marked('for x in y:  ', [finding({ column: 9, endLine: 4, endColumn: 2 })])).toEqual(['high:y:'])
  })

  it('lets the worst of overlapping findings mark', () => {
    expect(marked('ab cd', [finding({ endColumn: 5, severity: 'low' }), finding({ column: 3, endColumn: 5, severity: 'critical' })])).toEqual([
      'low:ab ', 'critical:cd',
    ])
  })

  it('marks something even where the columns are off', () => {
    expect(marked('  go()', [finding({ column: 99, endColumn: 120 })])).toEqual([])
    expect(marked('  go()', [finding({})]).join('')).toContain('go')
  })

  it('sorts out findings that lie outside of the test', () => {
    const { inside, outside } = placeFindings([finding({ line: 9 }), finding({ line: 10 }), finding({ line: 13 })], 10, 3)
    expect([...inside.keys()]).toEqual([10])
    expect(outside.map(({ line }) => line)).toEqual([9, 13])
  })
})
