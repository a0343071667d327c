import type { Assessment } from '../api/types.ts'
import { CopyButton } from '../ui/CopyButton.tsx'
import { plural } from '../words/risk.ts'

const VERDICTS: Record<string, string> = {
  flaky: 'passed and failed without a change between',
  stable: 'never failed',
  broken: 'never passed',
  changed: 'failed and passed; a change may be the reason',
}

/** What runs showed: the strongest evidence there is, so nothing is shown where there was no run. */
export function Outcomes({ test }: { test: Assessment }) {
  const seen = test.observed
  if (seen === null) return null
  return (
    <section className="panel" aria-labelledby="outcomes">
      <div className="panel-head">
        <h2 id="outcomes">What runs showed</h2>
        <p>{seen.proofs.length > 0 ? 'unstable: proved by running it' : (VERDICTS[seen.verdict] ?? seen.verdict)}</p>
      </div>
      <ul className="rows plain">
        {seen.runs > 0 && (
          <li>
            <div>
              failed in {seen.failures} of {plural(seen.runs, 'run')}
              {seen.retried > 0 && <>, passed only on a retry in {seen.retried}</>}
              {seen.lastFailure && <small>last on {seen.lastFailure}</small>}
            </div>
          </li>
        )}
        {seen.messages.map((message) => (
          <li key={message.text}>
            <div>
              <code>{message.text}</code>
              <small>{plural(message.count, 'time')}</small>
            </div>
          </li>
        ))}
        {seen.proofs.map((proof) => (
          <li key={proof.perturbation}>
            <div>
              with <b>{proof.perturbation}</b> changed it failed in {proof.failedWith} of {proof.triedWith} tries
              {proof.needs.length > 0 && <small>after {proof.needs.join(', ')}</small>}
              <small className="reproduce">
                <code>{proof.reproduce}</code> <CopyButton text={proof.reproduce} label="Copy the command" />
              </small>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
