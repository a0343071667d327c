import { patternsHref, type Route, searchHref } from '../route.ts'

function skip(event: React.MouseEvent): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

export function TopBar({ route }: { route: Route }) {
  const all = route.page === 'search' && route.all && route.query === ''
  const current = (is: boolean) => (is ? ('page' as const) : undefined)
  return (
    <header className="topbar">
      <a className="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <a className="brand" href="#/">
        <svg viewBox="0 0 34 22" width="34" height="22" aria-hidden="true">
          <path d="M1 12h8l2.6-4 4.4 12 4.4-18 3.2 10H33" />
        </svg>
        <span>
          Flaky<b>Detector</b>
        </span>
      </a>
      <nav aria-label="Pages">
        <a href="#/" aria-current={current(route.page === 'search' && !all)}>
          Search
        </a>
        <a href={searchHref('', undefined, true)} aria-current={current(all)}>
          All tests
        </a>
        <a href={patternsHref()} aria-current={current(route.page === 'patterns')}>
          Patterns
        </a>
      </nav>
    </header>
  )
}
