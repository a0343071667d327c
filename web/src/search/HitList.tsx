import type { Hit } from '../api/types.ts'
import { HitRow } from './HitRow.tsx'

/** Arrow keys walk from hit to hit. */
function walk(event: React.KeyboardEvent<HTMLOListElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const links = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>('a.hit-link')]
  const at = links.indexOf(document.activeElement as HTMLAnchorElement)
  const next = links[at + (event.key === 'ArrowDown' ? 1 : -1)]
  if (at < 0 || !next) return
  event.preventDefault()
  next.focus()
  next.closest('li')?.scrollIntoView({ block: 'nearest' })
}

export function HitList({ hits }: { hits: Hit[] }) {
  return (
    <ol className="hits" onKeyDown={walk}>
      {hits.map((hit) => (
        <HitRow key={`${hit.repo} ${hit.id}`} hit={hit} />
      ))}
    </ol>
  )
}
