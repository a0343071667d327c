import type { Explained } from '../api/types.ts'
import { plural } from '../words/risk.ts'

/** Who wrote the answer, and what it cost. */
export function ModelLine({ end }: { end: Explained }) {
  if (end.model === null) {
    return (
      <p className="model-line model-none">
        <b>No model took part.</b> These sentences are put together from the evidence alone.
        {end.note && !/^no model took part/i.test(end.note) && ` (${end.note})`}
      </p>
    )
  }
  const cost = [
    end.promptTokens === null ? '' : `${plural(end.promptTokens, 'token')} read`,
    end.writtenTokens === null ? '' : `${end.writtenTokens.toLocaleString('en')} written`,
    end.total === null ? '' : `${(end.total / 1000).toFixed(1)} s`,
  ].filter(Boolean)
  return (
    <p className="model-line">
      {end.note && <span className="model-note">{end.note}</span>}
      {end.note ? 'Asked was' : 'Written by'} <b>{end.model}</b>
      {cost.length > 0 && ` · ${cost.join(' · ')}`}
    </p>
  )
}
