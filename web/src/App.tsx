import { PatternsPage } from './patterns/PatternsPage.tsx'
import { RulePage } from './rules/RulePage.tsx'
import { SearchPage } from './search/SearchPage.tsx'
import { TestPage } from './test/TestPage.tsx'
import { Note } from './ui/Note.tsx'
import { TopBar } from './ui/TopBar.tsx'
import { useRoute } from './useRoute.ts'
import type { Route } from './route.ts'

function page(route: Route): React.ReactNode {
  switch (route.page) {
    case 'search':
      return <SearchPage query={route.query} filters={route.filters} all={route.all} />
    case 'test':
      return <TestPage key={`${route.repo} ${route.id}`} repo={route.repo} id={route.id} />
    case 'patterns':
      return <PatternsPage repo={route.repo} team={route.team} />
    case 'rule':
      return <RulePage code={route.code} />
    case 'unknown':
      return (
        <Note title="There is no such page.">
          <a href="#/">Back to the search</a>
        </Note>
      )
  }
}

export function App() {
  const route = useRoute()
  return (
    <>
      <TopBar route={route} />
      <main id="main" tabIndex={-1}>
        {page(route)}
      </main>
    </>
  )
}
