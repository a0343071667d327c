// Addresses inside the page: `#/?q=…`, `#/tests/<repo>/<id>`, `#/patterns`, `#/rules/<code>`.
import type { Filters } from './api/types.ts'

export type Route =
  | { page: 'search'; query: string; filters: Filters; all: boolean }
  | { page: 'test'; repo: string; id: string }
  | { page: 'patterns'; repo: string; team: string }
  | { page: 'rule'; code: string }
  | { page: 'unknown' }

/** Stands for "repository not known" in an address. */
const NO_REPO = '-'

export const NO_FILTERS: Filters = { causes: [], severities: [], repos: [], teams: [] }

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  const query = new URLSearchParams(search)
  const parts = path.split('/').filter(Boolean)
  if (parts.length === 0) {
    return {
      page: 'search',
      query: query.get('q') ?? '',
      filters: {
        causes: query.getAll('cause'),
        severities: query.getAll('severity'),
        repos: query.getAll('repo'),
        teams: query.getAll('team'),
      },
      all: query.has('all'),
    }
  }
  if (parts[0] === 'tests' && parts[1] && parts[2]) {
    const repo = decode(parts[1])
    return { page: 'test', repo: repo === NO_REPO ? '' : repo, id: decode(parts.slice(2).join('/')) }
  }
  if (parts[0] === 'patterns') return { page: 'patterns', repo: query.get('repo') ?? '', team: query.get('team') ?? '' }
  if (parts[0] === 'rules' && parts[1]) return { page: 'rule', code: decode(parts[1]) }
  return { page: 'unknown' }
}

export function searchHref(query: string, filters: Filters = NO_FILTERS, all = false): string {
  const search = new URLSearchParams()
  if (query) search.set('q', query)
  for (const cause of filters.causes) search.append('cause', cause)
  for (const severity of filters.severities) search.append('severity', severity)
  for (const repo of filters.repos) search.append('repo', repo)
  for (const team of filters.teams) search.append('team', team)
  if (all) search.set('all', '1')
  const text = search.toString()
  return text ? `#/?${text}` : '#/'
}

export function testHref(repo: string, id: string): string {
  return `#/tests/${encodeURIComponent(repo || NO_REPO)}/${encodeURIComponent(id)}`
}

export function ruleHref(code: string): string {
  return `#/rules/${encodeURIComponent(code)}`
}

export function patternsHref(repo = '', team = ''): string {
  const search = new URLSearchParams()
  if (repo) search.set('repo', repo)
  if (team) search.set('team', team)
  const text = search.toString()
  return text ? `#/patterns?${text}` : '#/patterns'
}

export function hasFilters(filters: Filters): boolean {
  return filters.causes.length + filters.severities.length + filters.repos.length + filters.teams.length > 0
}
