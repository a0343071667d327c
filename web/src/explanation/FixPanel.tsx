import { useEffect, useRef, useState } from 'react'
import { proposeFix, toProblem } from '../api/client.ts'
import type { Assessment, Problem, ProposedFix } from '../api/types.ts'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { FixView } from './FixView.tsx'

interface State {
  asking: boolean
  fix: ProposedFix | null
  note: string
  problem: Problem | null
}

const NOTHING: State = { asking: false, fix: null, note: '', problem: null }

/** A patch for the test, by its rules or by the model, on demand. Nothing is written. */
export function FixPanel({ test }: { test: Assessment }) {
  const [state, setState] = useState<State>(NOTHING)
  const running = useRef<AbortController | null>(null)

  useEffect(() => {
    setState(NOTHING)
    return () => running.current?.abort()
  }, [test.repo, test.id])

  const ask = (): void => {
    const controller = new AbortController()
    running.current = controller
    setState({ ...NOTHING, asking: true })
    proposeFix(test.repo, test.id, controller.signal).then(
      ({ fix, note }) => !controller.signal.aborted && setState({ asking: false, fix, note, problem: null }),
      (error: unknown) => !controller.signal.aborted && setState({ ...NOTHING, problem: toProblem(error) }),
    )
  }

  return (
    <section className="panel fix-panel" aria-label="Fix" aria-busy={state.asking}>
      <div className="panel-head">
        <h2>Fix</h2>
        <button type="button" className="button" onClick={ask} disabled={state.asking}>
          {state.asking ? 'Being checked …' : 'Propose a fix'}
        </button>
      </div>
      {state.fix === null && state.note === '' && state.problem === null && (
        <p className="explanation-idle">
          A patch by the rule itself or by the model, parsed, scanned and scored again before it is shown. Nothing is run
          and nothing is written.
        </p>
      )}
      <div aria-live="polite">
        {state.note !== '' && <p className="panel-empty">{state.note}</p>}
        {state.fix && <FixView fix={state.fix} />}
      </div>
      {state.problem && <ProblemNote problem={state.problem} />}
    </section>
  )
}
