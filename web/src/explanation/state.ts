// An explanation as it grows: a pure step from event to event.
import { object, text } from '../api/json.ts'
import { readProblem } from '../api/read.ts'
import { readDropped, readExplained, readSentence, readSource, readSources } from '../api/readExplanation.ts'
import type { ServerEvent } from '../api/sse.ts'
import type { Dropped, Explained, Problem, Sentence, Source } from '../api/types.ts'

export type Phase = 'idle' | 'asking' | 'reading' | 'writing' | 'done' | 'stopped' | 'failed'

export interface Explanation {
  phase: Phase
  sources: Source[]
  /** What the model is writing and nobody has checked yet. */
  draft: string
  sentences: Sentence[]
  dropped: Dropped[]
  /** The object that ended it; null before. */
  end: Explained | null
  problem: Problem | null
}

export const IDLE: Explanation = {
  phase: 'idle',
  sources: [],
  draft: '',
  sentences: [],
  dropped: [],
  end: null,
  problem: null,
}

export function isRunning(phase: Phase): boolean {
  return phase === 'asking' || phase === 'reading' || phase === 'writing'
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}

export function step(state: Explanation, { event, data }: ServerEvent): Explanation {
  if (!isRunning(state.phase)) return state
  const json = object(parse(data))
  switch (event) {
    case 'retrieval':
      return { ...state, phase: 'reading', sources: readSources(json['sources']) }
    case 'token':
      return { ...state, phase: 'writing', draft: state.draft + text(json['text']) }
    case 'citation': {
      // A source that was not announced: show it too, so that its chip leads somewhere.
      const source = readSource(json)
      const known = source.ref === '' || state.sources.some((other) => other.ref === source.ref)
      return known || source.text === '' ? state : { ...state, sources: [...state.sources, source] }
    }
    case 'verification': {
      const next: Explanation = { ...state, phase: 'writing', draft: '' }
      // Either the sentence with a verdict, or the verdict with the sentence.
      const kept = json['kept'] === true ? json : json['kept']
      const dropped = json['kept'] === false && json['reason'] ? json : json['dropped']
      if (kept) next.sentences = [...state.sentences, readSentence(kept)]
      if (dropped) next.dropped = [...state.dropped, readDropped(dropped)]
      return next
    }
    case 'done': {
      const end = readExplained(json)
      return {
        ...state,
        phase: 'done',
        draft: '',
        end,
        sources: end.sources.length > 0 ? end.sources : state.sources,
        sentences: end.sentences.length > 0 ? end.sentences : state.sentences,
        dropped: end.dropped.length > 0 ? end.dropped : state.dropped,
        problem: end.note ? null : state.problem,
      }
    }
    case 'error': {
      // Not the end: what follows rests on the evidence alone.
      const said = 'problem' in json ? json['problem'] : json
      const title = text(json['message']) || 'the model could not answer'
      return { ...state, draft: '', problem: readProblem({ title, ...object(said) }, null) }
    }
    default:
      return state
  }
}

/** The answer ended without `done`: something between here and the model broke. */
export function broken(state: Explanation): Explanation {
  if (!isRunning(state.phase)) return state
  const problem = state.problem ?? {
    title: 'the answer broke off before its end',
    detail: 'Ask again, or look at the log of the service.',
    status: null,
  }
  return { ...state, phase: 'failed', draft: '', problem }
}
