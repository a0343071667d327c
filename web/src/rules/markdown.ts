// The little Markdown that a rule's documentation is written in, as data; what is not known stays text.

export type Inline = { kind: 'text' | 'code' | 'strong' | 'em'; text: string }

export type Block =
  | { kind: 'heading'; level: number; text: Inline[] }
  | { kind: 'paragraph'; text: Inline[] }
  | { kind: 'code'; language: string; text: string }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }

export function inlines(text: string): Inline[] {
  const out: Inline[] = []
  let position = 0
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*/g)) {
    if (match.index > position) out.push({ kind: 'text', text: text.slice(position, match.index) })
    if (match[1] !== undefined) out.push({ kind: 'code', text: match[1] })
    else if (match[2] !== undefined) out.push({ kind: 'strong', text: match[2] })
    else if (match[3] !== undefined) out.push({ kind: 'em', text: match[3] })
    position = match.index + match[0].length
  }
  if (position < text.length) out.push({ kind: 'text', text: text.slice(position) })
  return out
}

const ITEM = /^\s*([-*]|\d+\.)\s+(.*)$/
/** A line that ends a paragraph or a list: blank, a heading, a fence. */
const BREAK = /^\s*$|^#{1,6}\s|^\s*(```|~~~)/

export function blocks(markdown: string): Block[] {
  const lines = markdown.split(/\r\n|\n/)
  const out: Block[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const fence = /^\s*(```+|~~~+)\s*([\w-]*)/.exec(line)
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)
    if (fence) {
      const from = ++at
      while (at < lines.length && !(lines[at] ?? '').trim().startsWith(fence[1] ?? '```')) at++
      out.push({ kind: 'code', language: fence[2] ?? '', text: lines.slice(from, at).join('\n') })
      at++
    } else if (heading) {
      out.push({ kind: 'heading', level: heading[1]?.length ?? 1, text: inlines(heading[2] ?? '') })
      at++
    } else if (ITEM.test(line)) {
      const items: string[] = []
      const ordered = /^\s*\d/.test(line)
      for (; at < lines.length && !BREAK.test(lines[at] ?? ''); at++) {
        const item = ITEM.exec(lines[at] ?? '')
        if (item) items.push(item[2] ?? '')
        else items[items.length - 1] += ` ${(lines[at] ?? '').trim()}`
      }
      out.push({ kind: 'list', ordered, items: items.map(inlines) })
    } else if (line.trim() === '') {
      at++
    } else {
      const from = at
      const goesOn = (): boolean => !BREAK.test(lines[at] ?? '') && !ITEM.test(lines[at] ?? '')
      do at++
      while (at < lines.length && goesOn())
      const words = lines.slice(from, at).map((part) => part.trim())
      out.push({ kind: 'paragraph', text: inlines(words.join(' ')) })
    }
  }
  return out
}
