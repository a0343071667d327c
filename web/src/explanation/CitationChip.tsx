import type { Source } from '../api/types.ts'

const KINDS: Record<string, string> = {
  test: 'test',
  rule: 'rule',
  outcome: 'observed outcome',
  fix: 'earlier fix',
}

export function kindWords(kind: string): string {
  return KINDS[kind] ?? kind
}

export function CitationChip({ cited, source, onCite }: { cited: string; source: Source | undefined; onCite: (ref: string) => void }) {
  const what = source ? `${kindWords(source.kind)} ${source.id}` : cited
  return (
    <button type="button" className="cite" title={what} aria-label={`Source ${cited}: ${what}`} onClick={() => onCite(cited)}>
      {cited}
    </button>
  )
}
