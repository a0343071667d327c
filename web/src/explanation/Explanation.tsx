import type { Assessment } from '../api/types.ts'
import { findingId, jumpTo, lineId, sourceId } from '../test/jump.ts'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { DroppedList } from './DroppedList.tsx'
import { FixView } from './FixView.tsx'
import { ModelLine } from './ModelLine.tsx'
import { SentenceView } from './SentenceView.tsx'
import { SourceList } from './SourceList.tsx'
import { type Explanation as State, isRunning } from './state.ts'
import { useExplanation } from './useExplanation.ts'

const STATUS: Partial<Record<State['phase'], string>> = {
  asking: 'Looking for sources …',
  reading: 'The sources are read …',
  writing: 'Being written, each sentence checked …',
  stopped: 'Stopped. What stands here was checked; the rest was not written.',
}

/** Why the test is unstable and what to do, streamed: sources first, then one checked sentence after the other. */
export function Explanation({ test }: { test: Assessment }) {
  const { state, start, stop } = useExplanation(test.repo, test.id)
  const running = isRunning(state.phase)

  const jump = (ref: string): void => {
    const source = state.sources.find((other) => other.ref === ref)
    const finding = test.details.find(({ code }) => code === ref)
    if (finding && jumpTo(findingId(finding.code, finding.line))) return
    if (source?.kind === 'test' && source.id === test.id && jumpTo(lineId(test.line), 'start')) return
    jumpTo(sourceId(ref), 'nearest')
  }

  return (
    <section className="panel explanation" aria-label="Explanation" data-phase={state.phase} aria-busy={running}>
      <div className="panel-head">
        <h2>Explanation</h2>
        {running ? (
          <button type="button" className="button button-stop" onClick={stop}>
            Stop
          </button>
        ) : (
          <button
            type="button"
            className={state.phase === 'idle' ? 'button button-primary' : 'button'}
            onClick={start}
          >
            {state.phase === 'idle' ? 'Explain this test' : 'Ask again'}
          </button>
        )}
      </div>

      {state.phase === 'idle' && (
        <p className="explanation-idle">
          Why this test can fail and what to do about it. Every sentence cites a test, a rule, an outcome or an earlier
          fix; a sentence that its source does not bear out is dropped.
        </p>
      )}
      <SourceList sources={state.sources} self={test} />
      <div className="sentences" aria-live="polite">
        {state.sentences.map((sentence, index) => (
          <SentenceView
            key={index}
            sentence={sentence}
            sources={state.sources}
            onCite={jump}
            test={test}
          />
        ))}
      </div>
      {state.draft.trim() !== '' && (
        <p className="draft" aria-hidden="true">
          {state.draft}
        </p>
      )}
      {running && state.draft.trim() === '' && (
        <p className="explanation-wait" aria-hidden="true">
          <span />
          <span />
          <span />
        </p>
      )}
      {state.phase === 'done' && state.sentences.length === 0 && (
        <p className="panel-empty">No sentence could be borne out by the sources.</p>
      )}
      <p className="explanation-status" role="status">
        {STATUS[state.phase]}
      </p>
      {state.problem && <ProblemNote problem={state.problem} />}
      <DroppedList dropped={state.dropped} />
      {state.end?.fix && <FixView fix={state.end.fix} />}
      {state.end && <ModelLine end={state.end} />}
    </section>
  )
}
