// Every call to the service. Failures come as ProblemError, with words that can be shown.
import { readAssessment, readHits, readPatterns, readProblem, readRule, readSearch, readTests } from './read.ts'
import { object, text } from './json.ts'
import { readFix } from './readExplanation.ts'
import { readEvents, type ServerEvent } from './sse.ts'
import type { Assessment, Filters, Hit, Patterns, Problem, ProposedFix, Rule, SearchAnswer, TestPage } from './types.ts'

const API = 'api/v1'

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title)
  }
}

export function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  return { title: 'the page could not read the answer', detail: String(error), status: null }
}

async function call(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(`${API}/${path}`, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ProblemError({
      title: 'the service does not answer',
      detail: 'Is it still running? Start it with: flakydetector serve',
      status: null,
    })
  }
  if (response.ok) return response
  const body: unknown = await response.json().catch(() => null)
  throw new ProblemError(readProblem(body, response.status))
}

async function getJson(path: string, signal: AbortSignal): Promise<unknown> {
  return (await call(path, { signal, headers: { accept: 'application/json' } })).json()
}

function post(path: string, body: unknown, accept: string, signal: AbortSignal): Promise<Response> {
  return call(path, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  })
}

function testPath(repo: string, id: string, rest = ''): string {
  const query = repo ? `?${new URLSearchParams({ repo })}` : ''
  return `tests/${encodeURIComponent(id)}${rest}${query}`
}

export async function search(query: string, filters: Filters, limit: number, signal: AbortSignal): Promise<SearchAnswer> {
  return readSearch(await (await post('search', { query, limit, filters }, 'application/json', signal)).json())
}

/** A page of all tests that fit the filters; several values of one filter are joined by commas. */
export async function listTests(filters: Filters, limit: number, cursor: string, signal: AbortSignal): Promise<TestPage> {
  const query = new URLSearchParams({ limit: String(limit) })
  if (filters.causes.length > 0) query.set('cause', filters.causes.join(','))
  if (filters.severities.length > 0) query.set('severity', filters.severities.join(','))
  if (filters.repos.length > 0) query.set('repo', filters.repos.join(','))
  if (filters.teams.length > 0) query.set('team', filters.teams.join(','))
  if (cursor) query.set('cursor', cursor)
  return readTests(await getJson(`tests?${query}`, signal))
}

export async function getTest(repo: string, id: string, signal: AbortSignal): Promise<Assessment> {
  return readAssessment(await getJson(testPath(repo, id), signal))
}

export async function getSimilar(repo: string, id: string, signal: AbortSignal): Promise<Hit[]> {
  return readHits(object(await getJson(testPath(repo, id, '/similar'), signal))['hits'])
}

export async function getPatterns(signal: AbortSignal): Promise<Patterns> {
  return readPatterns(await getJson('patterns', signal))
}

export async function getRule(code: string, signal: AbortSignal): Promise<Rule> {
  return readRule(await getJson(`rules/${encodeURIComponent(code)}`, signal))
}

/** A patch that was checked, or the words that say why there is none. */
export async function proposeFix(
  repo: string,
  id: string,
  signal: AbortSignal,
): Promise<{ fix: ProposedFix | null; note: string }> {
  const json = object(await (await post(testPath(repo, id, '/fix'), {}, 'application/json', signal)).json())
  return { fix: readFix(json['fix']), note: text(json['fix_note']) }
}

/** The events of an explanation; aborting the signal ends the request, and with it the model's work. */
export async function* explain(repo: string, id: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await post(testPath(repo, id, '/explanation'), {}, 'text/event-stream', signal)
  if (response.body) yield* readEvents(response.body)
}
