// From the service's JSON to the page's types.
import { array, type Json, number, object, text, texts, unique } from './json.ts'
import type { Assessment, Finding, Hit, Observed, Patterns, Problem, Reading, Rule, SearchAnswer, Severity, TestPage } from './types.ts'

const SEVERITIES: Severity[] = ['critical', 'high', 'medium', 'low', 'none']

function severity(value: unknown): Severity {
  return SEVERITIES.find((known) => known === value) ?? 'none'
}

export function readHit(value: unknown): Hit {
  const json = object(value)
  const id = text(json['id'])
  const codes = array(json['findings']).map((item) => (typeof item === 'string' ? item : text(object(item)['code'])))
  return {
    id,
    repo: text(json['repo']),
    file: text(json['file'], id.split('::')[0]),
    line: number(json['line']) ?? 1,
    severity: severity(json['severity']),
    risk: number(json['risk']),
    riskBasis: text(json['risk_basis'], 'prior'),
    causes: unique(texts(json['causes'])),
    teams: unique(texts(json['teams'])),
    libraries: unique(texts(json['libraries'])),
    isAsync: json['async'] === true,
    findings: unique(codes.filter(Boolean)),
    why: unique(texts(json['why'])),
    twins: unique(texts(json['twins'])),
  }
}

function readFinding(value: unknown): Finding {
  const json = object(value)
  const line = number(json['line']) ?? 0
  const column = number(json['column']) ?? 0
  const fix = object(json['fix'])
  return {
    code: text(json['code'], 'FD'),
    name: text(json['name']),
    cause: text(json['cause']),
    line,
    column,
    endLine: number(json['end_line']) ?? line,
    endColumn: number(json['end_column']) ?? column,
    severity: severity(json['severity']),
    confidence: number(json['confidence']),
    message: text(json['message']),
    help: text(json['help']),
    readBy: texts(json['read_by']),
    fix: json['fix'] ? { safe: fix['applicability'] === 'safe', message: text(fix['message']) } : null,
  }
}

function readObserved(value: unknown): Observed | null {
  const json = object(value)
  if (!('verdict' in json)) return null
  return {
    verdict: text(json['verdict']),
    runs: number(json['runs']) ?? 0,
    failures: number(json['failures']) ?? 0,
    retried: number(json['retried']) ?? 0,
    lastFailure: text(json['last_failure']).slice(0, 10),
    messages: array(json['messages']).map((item) => ({
      text: text(object(item)['text']),
      count: number(object(item)['count']) ?? 1,
    })),
    proofs: array(json['proofs']).map((item) => ({
      perturbation: text(object(item)['perturbation']),
      failedWith: number(object(item)['failed_with']) ?? 0,
      triedWith: number(object(item)['tried_with']) ?? 0,
      reproduce: text(object(item)['reproduce']),
      needs: texts(object(item)['needs']),
    })),
  }
}

export function readAssessment(value: unknown): Assessment {
  const json = object(value)
  const hit = readHit(json)
  const details = array(json['findings']).filter((item) => typeof item === 'object').map(readFinding)
  details.sort((one, other) => one.line - other.line || one.column - other.column)
  const features: Record<string, number> = {}
  for (const [name, item] of Object.entries({ ...object(json['features']), ...object(json['shares']) })) {
    const figure = number(item)
    if (figure !== null) features[name] = figure
  }
  return {
    ...hit,
    endLine: number(json['end_line']) ?? hit.line,
    confidence: number(json['confidence']),
    details,
    features,
    contributions: array(json['contributions']).map((item) => ({
      feature: text(object(item)['feature']),
      value: number(object(item)['value']) ?? 0,
    })),
    neighbours: array(json['neighbours']).map((item) => ({
      id: text(object(item)['id']),
      likeness: number(object(item)['likeness']) ?? 0,
      flaky: object(item)['flaky'] === true,
    })),
    observed: readObserved(json['outcomes']),
    framework: text(json['framework']),
    fixtures: unique(texts(json['fixtures'])),
    source: text(json['source']),
  }
}

function readReading(json: Json): Reading {
  return {
    isAsync: typeof json['async'] === 'boolean' ? json['async'] : null,
    libraries: unique(texts(json['libraries'])),
    causes: unique(texts(json['causes'])),
    severities: unique(texts(json['severities'])),
    codes: unique(texts(json['codes'])),
    repos: unique(texts(json['repos'])),
    teams: unique(texts(json['teams'])),
    paths: unique(texts(json['paths'])),
    does: unique(texts(json['does'])),
    itself: json['itself'] === true,
    names: unique(texts(json['names'])),
    framework: text(json['framework']),
    projects: unique(texts(json['projects'])),
    notDoes: unique(texts(json['not_does'])),
    notWords: unique(texts(json['not_words'])),
    notLibraries: unique(texts(json['not_libraries'])),
    notCauses: unique(texts(json['not_causes'])),
    notRepos: unique(texts(json['not_repos'])),
    flaky: typeof json['flaky'] === 'boolean' ? json['flaky'] : null,
    failedWithinDays: number(json['failed_within_days']),
    observed: text(json['observed']),
    proved: typeof json['proved'] === 'boolean' ? json['proved'] : null,
    topics: unique(texts(json['topics'])),
    remainder: text(json['remainder']).trim(),
  }
}

export function readSearch(value: unknown): SearchAnswer {
  const json = object(value)
  return {
    query: text(json['query']),
    reading: readReading(object(json['facets'])),
    unmet: unique(texts(json['unmet'])),
    hits: readHits(json['hits']),
  }
}

export function readHits(value: unknown): Hit[] {
  return array(value).map(readHit).filter((hit) => hit.id !== '')
}

export function readTests(value: unknown): TestPage {
  const json = object(value)
  return { tests: readHits(json['tests']), next: text(json['next_cursor']) }
}

export function readPatterns(value: unknown): Patterns {
  const all = object(value)
  const patterns = array(all['patterns']).map((item) => {
    const json = object(item)
    const repos = unique(texts(json['repos']))
    const onlyRepo = repos.length === 1 ? (repos[0] ?? '') : ''
    return {
      cause: text(json['cause']),
      code: text(json['code']),
      name: text(json['name']),
      severity: 'severity' in json ? severity(json['severity']) : null,
      tests: number(json['tests']) ?? 0,
      repos,
      teams: unique(texts(json['teams'])),
      examples: array(json['examples'])
        .map((example) =>
          typeof example === 'string'
            ? { id: example, repo: onlyRepo }
            : { id: text(object(example)['id']), repo: text(object(example)['repo'], onlyRepo) },
        )
        .filter((example) => example.id !== ''),
    }
  })
  return {
    tests: number(all['tests']),
    repos: unique([...texts(all['repos']), ...patterns.flatMap(({ repos }) => repos)]).toSorted(),
    teams: unique([...texts(all['teams']), ...patterns.flatMap(({ teams }) => teams)]).toSorted(),
    patterns,
  }
}

export function readRule(value: unknown): Rule {
  const json = object(value)
  return {
    code: text(json['code']),
    name: text(json['name']),
    cause: text(json['cause']),
    summary: text(json['summary']),
    markdown: text(json['markdown']),
  }
}

export function readProblem(value: unknown, status: number | null): Problem {
  const json = object(value)
  return {
    title: text(json['title']) || (status ? `the service answered ${status}` : 'something went wrong'),
    detail: text(json['detail']),
    status: number(json['status']) ?? status,
  }
}
