import { useEffect, useState } from 'react'
import { parseRoute, type Route } from './route.ts'

/** Scroll positions by history entry, so that "back" returns to where one was. */
const positions = new Map<string, number>()
let entry = ''

function arrive(): void {
  const known: unknown = history.state?.entry
  if (typeof known === 'string') {
    entry = known
    const y = positions.get(entry) ?? 0
    requestAnimationFrame(() => requestAnimationFrame(() => window.scrollTo({ top: y, behavior: 'instant' })))
    return
  }
  const before = entry
  entry = crypto.randomUUID()
  history.replaceState({ entry }, '')
  if (before) window.scrollTo({ top: 0, behavior: 'instant' })
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    history.scrollRestoration = 'manual'
    arrive()
    const changed = (): void => {
      arrive()
      setHash(location.hash)
    }
    const scrolled = (): void => void positions.set(entry, window.scrollY)
    window.addEventListener('hashchange', changed)
    window.addEventListener('scroll', scrolled, { passive: true })
    return () => {
      window.removeEventListener('hashchange', changed)
      window.removeEventListener('scroll', scrolled)
    }
  }, [])
  return parseRoute(hash)
}

export function go(href: string): void {
  location.hash = href
}
