import type { Severity } from '../api/types.ts'

const BARS: Record<Severity, number> = { none: 0, low: 1, medium: 2, high: 3, critical: 4 }

/** Severity as a word beside four bars, so that it never hangs on colour alone. */
export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span className={`severity sev-${severity}`}>
      <svg viewBox="0 0 15 12" width="15" height="12" aria-hidden="true">
        {[0, 1, 2, 3].map((bar) => (
          <rect
            key={bar}
            className={bar < BARS[severity] ? 'on' : 'off'}
            x={bar * 4}
            y={9 - bar * 3}
            width="3"
            height={3 + bar * 3}
            rx="0.8"
          />
        ))}
      </svg>
      {severity === 'none' ? 'no finding' : severity}
    </span>
  )
}
