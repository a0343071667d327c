const REASONS: Record<string, string> = {
  'unknown-citation': 'cites something that was not retrieved',
  'no-citation': 'cites nothing',
  'says-nothing': 'says nothing',
  'quote-not-found': 'quotes code that does not stand in the source',
  'number-not-found': 'names a number that does not stand in the source',
  contradicts: 'contradicts the evidence',
}

export function droppedWords(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('-', ' ')
}
