// What stands inside a sentence: citations, quoted code, and lines that can be jumped to.

export type Part =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'cite'; ref: string }
  | { kind: 'line'; text: string; line: number }

const PART = /\[((?:[A-Z]{1,3}\d+)(?:\s*,\s*[A-Z]{1,3}\d+)*)\]|`([^`]+)`|\b([Ll]ines?\s+(\d+))\b/g

/** The parts of a sentence; citations that its words do not carry follow at the end, each once. */
export function sentenceParts(text: string, citations: string[]): Part[] {
  const parts: Part[] = []
  const cited = new Set<string>()
  let position = 0
  for (const match of text.matchAll(PART)) {
    if (match.index > position) parts.push({ kind: 'text', text: text.slice(position, match.index) })
    position = match.index + match[0].length
    if (match[1] !== undefined) {
      for (const ref of match[1].split(/\s*,\s*/)) {
        cited.add(ref)
        parts.push({ kind: 'cite', ref })
      }
    } else if (match[2] !== undefined) {
      parts.push({ kind: 'code', text: match[2] })
    } else if (match[3] !== undefined) {
      parts.push({ kind: 'line', text: match[3], line: Number(match[4]) })
    }
  }
  if (position < text.length) parts.push({ kind: 'text', text: text.slice(position) })
  for (const ref of new Set(citations)) if (!cited.has(ref)) parts.push({ kind: 'cite', ref })
  return parts
}
