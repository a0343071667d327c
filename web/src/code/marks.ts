// Where findings lie on the lines of a test's source.
import type { Finding, Severity } from '../api/types.ts'
import type { Kind, Token } from './python.ts'

export interface Segment {
  text: string
  kind: Kind
  /** Severity of the finding under it, if any. */
  mark: Severity | null
}

export interface Span {
  start: number
  end: number
  severity: Severity
}

const WEIGHT: Record<Severity, number> = { none: 0, low: 1, medium: 2, high: 3, critical: 4 }

export function worst(severities: Severity[]): Severity {
  return severities.reduce<Severity>((one, other) => (WEIGHT[other] > WEIGHT[one] ? other : one), 'none')
}

/** The index in UTF-16 units of the `column`-th character: findings count characters, strings here do not. */
export function unitIndex(line: string, column: number): number {
  let units = 0
  let characters = 0
  for (const character of line) {
    if (characters === column) break
    units += character.length
    characters++
  }
  return units
}

/**
 * The part of a line that a finding underlines. Of a finding over several lines only the first is underlined,
 * to its end: a page full of underlines shows nothing.
 */
export function spanOn(line: string, finding: Finding): Span {
  const start = Math.min(unitIndex(line, finding.column), line.length)
  const sameLine = finding.endLine <= finding.line
  const end = sameLine ? unitIndex(line, finding.endColumn) : line.trimEnd().length
  if (end > start) return { start, end, severity: finding.severity }
  const indent = line.length - line.trimStart().length
  return { start: Math.min(Math.max(start, indent), line.length), end: line.trimEnd().length, severity: finding.severity }
}

/** Cuts tokens where spans begin and end. Where spans overlap, the worst severity marks. */
export function segments(tokens: Token[], spans: Span[]): Segment[] {
  const cuts = spans.flatMap((span) => [span.start, span.end])
  const out: Segment[] = []
  let position = 0
  for (const token of tokens) {
    const end = position + token.text.length
    const inner = cuts.filter((cut) => cut > position && cut < end)
    const bounds = [position, ...new Set(inner.toSorted((one, other) => one - other)), end]
    for (let at = 0; at + 1 < bounds.length; at++) {
      const from = bounds[at] ?? 0
      const to = bounds[at + 1] ?? 0
      const over = spans.filter((span) => span.start <= from && span.end >= to)
      out.push({
        text: token.text.slice(from - position, to - position),
        kind: token.kind,
        mark: over.length > 0 ? worst(over.map((span) => span.severity)) : null,
      })
    }
    position = end
  }
  return out
}

/** Findings by line of this source, and those that lie outside of it. */
export function placeFindings(
  findings: Finding[],
  firstLine: number,
  lines: number,
): { inside: Map<number, Finding[]>; outside: Finding[] } {
  const inside = new Map<number, Finding[]>()
  const outside: Finding[] = []
  for (const finding of findings) {
    if (finding.line < firstLine || finding.line >= firstLine + lines) {
      outside.push(finding)
      continue
    }
    const there = inside.get(finding.line)
    if (there) there.push(finding)
    else inside.set(finding.line, [finding])
  }
  return { inside, outside }
}
