import { describe, expect, it } from 'vitest'
import type { ServerEvent } from '../src/api/sse.ts'
import { sentenceParts } from '../src/explanation/sentence.ts'
import { broken, type Explanation, IDLE, step } from '../src/explanation/state.ts'

const ASKING: Explanation = { ...IDLE, phase: 'asking' }

function event(name: string, data: unknown): ServerEvent {
  return { event: name, data: JSON.stringify(data) }
}

const RETRIEVAL = event('retrieval', { sources: [{ ref: 'T1', kind: 'test', id: 'a.py::test_a', repo: 'r', text: 'x' }] })
const KEPT = event('verification', { sentence: 0, text: 'It sleeps.', citations: ['T1'], kept: true, reason: null })
const DROPPED = event('verification', { sentence: 1, text: 'It rains.', citations: [], kept: false, reason: 'no-citation' })
const REPEATED = event('verification', { sentence: 2, text: 'It sleeps.', citations: ['T1'], kept: false, reason: null })

describe('an explanation as it grows', () => {
  it('shows sources, then a draft, then only what was checked', () => {
    let state = step(ASKING, RETRIEVAL)
    expect([state.phase, state.sources.map(({ ref }) => ref)]).toEqual(['reading', ['T1']])
    state = step(step(state, event('token', { text: 'It ' })), event('token', { text: 'sleeps.' }))
    expect([state.phase, state.draft, state.sentences]).toEqual(['writing', 'It sleeps.', []])
    state = [KEPT, DROPPED, REPEATED].reduce(step, state)
    expect(state.draft).toBe('')
    expect(state.sentences).toEqual([{ text: 'It sleeps.', citations: ['T1'] }])
    expect(state.dropped).toEqual([{ text: 'It rains.', reason: 'no-citation' }])
  })

  it('ends with the whole answer, and says when no model took part', () => {
    const end = event('done', { model: null, sentences: [{ text: 'Other.', citations: [] }], usage: null })
    const state = step([RETRIEVAL, KEPT].reduce(step, ASKING), end)
    expect([state.phase, state.end?.model, state.end?.total]).toEqual(['done', null, null])
    expect(state.sentences.map(({ text }) => text)).toEqual(['Other.'])
    expect(state.sources).toHaveLength(1)
  })

  it('goes on from the evidence when the model fails, and says so', () => {
    const failed = event('error', { message: 'the model said nothing for 60 s' })
    let state = [RETRIEVAL, KEPT, failed].reduce(step, ASKING)
    expect([state.phase, state.problem?.title]).toEqual(['writing', 'the model said nothing for 60 s'])
    state = [KEPT, event('done', { model: 'm', note: 'the model said nothing for 60 s; what follows …' })].reduce(step, state)
    expect([state.phase, state.problem, state.sentences.length]).toEqual(['done', null, 2])
    expect(state.end?.note).toMatch(/^the model said nothing/)
  })

  it('keeps what was checked when the stream ends with a failure', () => {
    const failed = event('error', { problem: { title: 'the index is gone', detail: 'index again', status: 503 } })
    const state = broken([RETRIEVAL, KEPT, failed].reduce(step, ASKING))
    expect([state.phase, state.problem?.title, state.sentences.length]).toEqual(['failed', 'the index is gone', 1])
  })

  it('takes a stream without an end for broken, and a finished one for finished', () => {
    expect(broken(step(ASKING, RETRIEVAL)).phase).toBe('failed')
    const done = step(ASKING, event('done', { model: 'm' }))
    expect(broken(done)).toBe(done)
    expect(step(done, KEPT)).toBe(done)
  })

  it('survives events it does not know and data that is no JSON', () => {
    const state = step(step(ASKING, event('weather', {})), { event: 'retrieval', data: '{' })
    expect([state.phase, state.sources]).toEqual(['reading', []])
  })
})

describe('the parts of a sentence', () => {
  it('finds citations, code and lines, and adds the citations its words lack', () => {
    expect(sentenceParts('Line 12 calls `sleep` [T1, FD101].', ['FD101', 'H1'])).toEqual([
      { kind: 'line', text: 'Line 12', line: 12 },
      { kind: 'text', text: ' calls ' },
      { kind: 'code', text: 'sleep' },
      { kind: 'text', text: ' ' },
      { kind: 'cite', ref: 'T1' },
      { kind: 'cite', ref: 'FD101' },
      { kind: 'text', text: '.' },
      { kind: 'cite', ref: 'H1' },
    ])
    expect(sentenceParts('see line 7', [])).toContainEqual({ kind: 'line', text: 'line 7', line: 7 })
  })

  it('leaves markup and indexes alone', () => {
    expect(sentenceParts('<b>x[0]</b>', [])).toEqual([{ kind: 'text', text: '<b>x[0]</b>' }])
  })
})
