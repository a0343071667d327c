// A light Python highlighter: enough to read by, no parser. Its output is text with kinds, never markup.

export type Kind =
  | 'plain'
  | 'keyword'
  | 'string'
  | 'comment'
  | 'number'
  | 'decorator'
  | 'definition'
  | 'constant'
  | 'call'

export interface Token {
  text: string
  kind: Kind
}

const KEYWORDS = new Set(
  `and as assert async await break case class continue def del elif else except finally for from global if import
  in is lambda match nonlocal not or pass raise return try type while with yield`.split(/\s+/),
)
/** Keywords only where a statement begins, and not where they are assigned or called. */
const SOFT = new Set(['match', 'case', 'type'])
const CONSTANTS = new Set(['None', 'True', 'False', 'self', 'cls', 'NotImplemented', 'Ellipsis'])

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>#.*)`,
    String.raw`(?<open>(?:[rRbBuUfFtT]{0,2})(?:"""|'''))`,
    String.raw`(?<string>[rRbBuUfFtT]{0,2}(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$)))`,
    String.raw`(?<decorator>@[\w.]+)`,
    String.raw`(?<number>\b(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?[jJ]?)|\.\d[\d_]*(?:[eE][+-]?\d+)?)`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_]*)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<other>[^])`,
  ].join('|'),
  'uy',
)

/** The lines of `source`, each as its tokens; joined, they are the line again. */
export function highlight(source: string): Token[][] {
  let quotes = ''
  return source.split(/\r\n|\n|\r/).map((line) => {
    const tokens: Token[] = []
    let position = 0
    if (quotes !== '') {
      position = closing(line, quotes, 0)
      if (position < 0) return line === '' ? [] : [{ text: line, kind: 'string' }]
      tokens.push({ text: line.slice(0, position), kind: 'string' })
      quotes = ''
    }
    while (position < line.length) {
      TOKEN.lastIndex = position
      const match = TOKEN.exec(line)
      const groups = match?.groups
      if (!match || !groups) break
      let text = match[0]
      if (groups['open'] !== undefined) {
        const mark = text.slice(-3)
        const end = closing(line, mark, position + text.length)
        if (end < 0) quotes = mark
        text = line.slice(position, end < 0 ? line.length : end)
        add(tokens, text, 'string')
      } else {
        add(tokens, text, kindOf(text, groups, line, position))
      }
      position += text.length
    }
    return tokens
  })
}

/** Where the triple quote that closes stands behind `from` (its end), or -1. */
function closing(line: string, mark: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line.startsWith(mark, at)) return at + mark.length
  }
  return -1
}

function kindOf(text: string, groups: Record<string, string | undefined>, line: string, position: number): Kind {
  if (groups['comment'] !== undefined) return 'comment'
  if (groups['string'] !== undefined) return 'string'
  if (groups['number'] !== undefined) return 'number'
  const before = line.slice(0, position)
  if (groups['decorator'] !== undefined) return before.trim() === '' ? 'decorator' : 'plain'
  if (groups['word'] === undefined) return 'plain'
  if (/\b(def|class)\s+$/.test(before)) return 'definition'
  const after = line.slice(position + text.length)
  if (before.endsWith('.')) return after.startsWith('(') ? 'call' : 'plain'
  if (SOFT.has(text)) return before.trim() === '' && /^\s+[^\s=,.):]/.test(after) ? 'keyword' : 'plain'
  if (KEYWORDS.has(text)) return 'keyword'
  if (CONSTANTS.has(text)) return 'constant'
  return after.startsWith('(') ? 'call' : 'plain'
}

function add(tokens: Token[], text: string, kind: Kind): void {
  const last = tokens.at(-1)
  if (last && last.kind === kind && kind === 'plain') last.text += text
  else tokens.push({ text, kind })
}
