import { basisWords, riskFigure } from '../words/risk.ts'

/** The model's guess, and what it rests on. */
export function RiskMeter({ risk, basis }: { risk: number | null; basis: string }) {
  if (risk === null) return null
  const share = Math.min(Math.max(risk, 0), 1)
  return (
    <div className="risk">
      <span className="risk-head">
        <span className="risk-label">risk</span>
        <span className="risk-figure">{riskFigure(risk)}</span>
      </span>
      <svg className="risk-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="4" />
        <rect className="value" width={share * 100} height="4" />
      </svg>
      <span className="risk-basis">{basisWords(basis)}</span>
    </div>
  )
}
