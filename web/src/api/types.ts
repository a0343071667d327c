// What the page shows, after reading (see read.ts): every field is there, whatever the service left out.

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'none'

export interface Hit {
  id: string
  repo: string
  file: string
  line: number
  severity: Severity
  risk: number | null
  riskBasis: string
  causes: string[]
  teams: string[]
  libraries: string[]
  isAsync: boolean
  /** Codes of the findings, each once. */
  findings: string[]
  why: string[]
  /** Tests of the same repository with the same body, which this one stands for. */
  twins: string[]
}

export interface Finding {
  code: string
  name: string
  cause: string
  /** Lines count from 1, columns count characters from 0. */
  line: number
  column: number
  endLine: number
  endColumn: number
  severity: Severity
  confidence: number | null
  message: string
  help: string
  /** Tests that read what this one leaves changed. */
  readBy: string[]
  fix: { safe: boolean; message: string } | null
}

export interface Contribution {
  feature: string
  /** Log-odds. */
  value: number
}

/** What runs of a test showed. */
export interface Observed {
  verdict: string
  runs: number
  failures: number
  retried: number
  /** A day, or nothing. */
  lastFailure: string
  messages: { text: string; count: number }[]
  proofs: { perturbation: string; failedWith: number; triedWith: number; reproduce: string; needs: string[] }[]
}

/** A test of known outcome with similar code. */
export interface Neighbour {
  id: string
  likeness: number
  flaky: boolean
}

export interface Assessment extends Hit {
  endLine: number
  confidence: number | null
  details: Finding[]
  features: Record<string, number>
  contributions: Contribution[]
  neighbours: Neighbour[]
  observed: Observed | null
  framework: string
  fixtures: string[]
  source: string
}

/** How the service read a query. */
export interface Reading {
  isAsync: boolean | null
  libraries: string[]
  causes: string[]
  severities: string[]
  /** Codes of rules. */
  codes: string[]
  repos: string[]
  teams: string[]
  paths: string[]
  /** What the tests do: `threads`, `sleep`. */
  does: string[]
  /** Whether the test itself should do it, and not what it calls. */
  itself: boolean
  /** Names as they stand in code; they lift. */
  names: string[]
  /** `pytest` or `unittest`, or nothing. */
  framework: string
  /** Repositories called by their names; they lift. */
  projects: string[]
  notDoes: string[]
  notWords: string[]
  notLibraries: string[]
  notCauses: string[]
  notRepos: string[]
  /** Whether findings are wanted, or none; null where the query does not say. */
  flaky: boolean | null
  /** Failed within so many days. */
  failedWithinDays: number | null
  /** What runs showed: `flaky`, `stable`, `broken`, `changed`, or nothing. */
  observed: string
  /** Shown to be unstable by running with one thing changed. */
  proved: boolean | null
  /** Causes that the query only comes close to; they lift, and exclude nothing. */
  topics: string[]
  remainder: string
}

export interface SearchAnswer {
  query: string
  reading: Reading
  /** What was asked for and none of the hits has. */
  unmet: string[]
  hits: Hit[]
}

export interface TestPage {
  tests: Hit[]
  next: string
}

export interface Filters {
  causes: string[]
  severities: string[]
  repos: string[]
  teams: string[]
}

export interface Pattern {
  cause: string
  code: string
  name: string
  /** Worst severity of its findings, where the service says. */
  severity: Severity | null
  tests: number
  repos: string[]
  teams: string[]
  examples: { id: string; repo: string }[]
}

export interface Patterns {
  /** Tests looked at, where the service says. */
  tests: number | null
  repos: string[]
  teams: string[]
  patterns: Pattern[]
}

export interface Rule {
  code: string
  name: string
  cause: string
  summary: string
  markdown: string
}

export interface Source {
  ref: string
  kind: string
  id: string
  repo: string
  text: string
}

export interface Sentence {
  text: string
  citations: string[]
}

export interface Dropped {
  text: string
  reason: string
}

export interface ProposedFix {
  origin: string
  diff: string
  verified: boolean
  reason: string
  findingsBefore: string[]
  findingsAfter: string[]
  riskBefore: number | null
  riskAfter: number | null
}

export interface Explained {
  model: string | null
  sources: Source[]
  sentences: Sentence[]
  dropped: Dropped[]
  fix: ProposedFix | null
  promptTokens: number | null
  writtenTokens: number | null
  /** Milliseconds from question to last word. */
  total: number | null
  /** One line where the answer is not simply a model's. */
  note: string
}

/** A problem as of RFC 9457, or one of the page's own in the same shape. */
export interface Problem {
  title: string
  detail: string
  status: number | null
}
