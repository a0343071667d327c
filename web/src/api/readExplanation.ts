// From the parts of an explanation (events, and the object that ends them) to the page's types.
import { array, number, object, text, texts } from './json.ts'
import type { Dropped, Explained, ProposedFix, Sentence, Source } from './types.ts'

export function readSource(value: unknown): Source {
  const json = object(value)
  return {
    ref: text(json['ref']),
    kind: text(json['kind']),
    id: text(json['id']) || text(json['commit']),
    repo: text(json['repo']),
    text: text(json['text']),
  }
}

export function readSources(value: unknown): Source[] {
  return array(value).map(readSource).filter((source) => source.ref !== '')
}

export function readSentence(value: unknown): Sentence {
  const json = object(value)
  return { text: text(json['text']), citations: texts(json['citations']) }
}

export function readDropped(value: unknown): Dropped {
  const json = object(value)
  return { text: text(json['text']), reason: text(json['reason']) }
}

export function readFix(value: unknown): ProposedFix | null {
  if (!value) return null
  const json = object(value)
  return {
    origin: text(json['origin']),
    diff: text(json['diff']),
    verified: json['verified'] === true,
    reason: text(json['reason']),
    findingsBefore: texts(json['findings_before']),
    findingsAfter: texts(json['findings_after']),
    riskBefore: number(json['risk_before']),
    riskAfter: number(json['risk_after']),
  }
}

export function readExplained(value: unknown): Explained {
  const json = object(value)
  const usage = object(json['usage'])
  return {
    model: text(json['model']) || null,
    sources: readSources(json['sources']),
    sentences: array(json['sentences']).map(readSentence),
    dropped: array(json['dropped']).map(readDropped),
    fix: readFix(json['fix']),
    promptTokens: number(usage['prompt_tokens']),
    writtenTokens: number(usage['completion_tokens']),
    total: number(object(json['milliseconds'])['total']),
    note: text(json['note']),
  }
}
