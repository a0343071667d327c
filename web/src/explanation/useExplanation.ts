import { useCallback, useEffect, useRef, useState } from 'react'
import { explain, toProblem } from '../api/client.ts'
import { broken, type Explanation, IDLE, isRunning, step } from './state.ts'

export interface UseExplanation {
  state: Explanation
  start: () => void
  stop: () => void
}

/** Asks for the explanation of one test and follows its events. Leaving the page stops the model. */
export function useExplanation(repo: string, id: string): UseExplanation {
  const [state, setState] = useState<Explanation>(IDLE)
  const running = useRef<AbortController | null>(null)

  const abort = useCallback(() => {
    running.current?.abort()
    running.current = null
  }, [])

  useEffect(() => {
    setState(IDLE)
    return abort
  }, [repo, id, abort])

  const start = useCallback(() => {
    abort()
    const controller = new AbortController()
    running.current = controller
    setState({ ...IDLE, phase: 'asking' })
    const follow = async (): Promise<void> => {
      for await (const event of explain(repo, id, controller.signal)) {
        if (controller.signal.aborted) return
        setState((before) => step(before, event))
      }
      if (!controller.signal.aborted) setState(broken)
    }
    follow().catch((error: unknown) => {
      if (controller.signal.aborted) return
      setState((before) => ({ ...before, phase: 'failed', draft: '', problem: toProblem(error) }))
    })
  }, [repo, id, abort])

  const stop = useCallback(() => {
    abort()
    setState((before) => (isRunning(before.phase) ? { ...before, phase: 'stopped', draft: '' } : before))
  }, [abort])

  return { state, start, stop }
}
