import { useEffect, useState } from 'react'
import { toProblem } from './client.ts'
import type { Problem } from './types.ts'

export interface Load<T> {
  data: T | null
  problem: Problem | null
  loading: boolean
  retry: () => void
}

/** Answers already seen, so that going back shows them at once, with the scroll where it was. */
const seen = new Map<string, unknown>()
const MOST_SEEN = 60

function remember(key: string, data: unknown): void {
  seen.delete(key)
  seen.set(key, data)
  const oldest = seen.keys().next().value
  if (seen.size > MOST_SEEN && oldest !== undefined) seen.delete(oldest)
}

/**
 * Loads what `key` names. While a new key loads, the data of the last one stays, so that a list does not blink.
 * An empty key loads nothing.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Load<T> {
  const [attempt, setAttempt] = useState(0)
  const [state, setState] = useState<{ key: string; data: T | null; problem: Problem | null }>({
    key: '',
    data: null,
    problem: null,
  })

  useEffect(() => {
    if (key === '') return
    if (seen.has(key)) {
      setState({ key, data: seen.get(key) as T, problem: null })
      return
    }
    const controller = new AbortController()
    load(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return
        remember(key, data)
        setState({ key, data, problem: null })
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setState({ key, data: null, problem: toProblem(error) })
      },
    )
    return () => controller.abort()
    // `load` is a new closure at every render; what it loads is named by `key`.
  }, [key, attempt])

  const cached = state.key !== key && seen.has(key) ? (seen.get(key) as T) : null
  const loading = key !== '' && state.key !== key && cached === null
  return {
    data: key === '' ? null : (cached ?? state.data),
    problem: loading || cached ? null : state.problem,
    loading,
    retry: () => {
      setState({ key: '', data: null, problem: null })
      setAttempt((count) => count + 1)
    },
  }
}
