import { describe, expect, it } from 'vitest'
import { EventParser, readEvents, type ServerEvent } from '../src/api/sse.ts'

function inPieces(text: string, size: number): ServerEvent[] {
  const parser = new EventParser()
  const events: ServerEvent[] = []
  for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)))
  return events
}

const WANTED = [
  { event: 'token', data: '{"text":"one: two"}' },
  { event: 'message', data: 'first\nsecond' },
  { event: 'done', data: '' },
]

describe('the parser of server-sent events', () => {
  for (const [name, end] of [['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']] as const) {
    const stream = [': heartbeat', '', 'event: token', 'id: 7', 'data: {"text":"one: two"}', '', 'data: first', 'data:second', '', 'event: done', 'data', '', ': end', ''].join(end)
    it(`reads the same events wherever the chunks are cut, with ${name}`, () => {
      for (let size = 1; size <= stream.length; size++) expect(inPieces(stream, size)).toEqual(WANTED)
    })
  }

  it('does not hand out an event that never ended', () => {
    expect(inPieces('event: token\ndata: half', 4)).toEqual([])
  })

  it('keeps a character whose bytes come in two chunks', async () => {
    const bytes = new TextEncoder().encode('data: 5 µs – ✓ 𝄞\n\n')
    for (let cut = 1; cut < bytes.length; cut++) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut))
          controller.enqueue(bytes.slice(cut))
          controller.close()
        },
      })
      const events: ServerEvent[] = []
      for await (const event of readEvents(body)) events.push(event)
      expect(events).toEqual([{ event: 'message', data: '5 µs – ✓ 𝄞' }])
    }
  })

  it('cancels the body when the reader leaves', async () => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\ndata: b\n\n')),
      cancel: () => void (cancelled = true),
    })
    for await (const event of readEvents(body)) {
      expect(event.data).toBe('a')
      break
    }
    expect(cancelled).toBe(true)
  })
})
