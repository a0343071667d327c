// What moved the model's guess, in words. Figures are log-odds; the words are the page's own scale.
import words from 'virtual:feature-words'
import type { Contribution } from '../api/types.ts'

export interface Mover {
  feature: string
  /** What the feature counts. */
  words: string
  /** How much of it this test has, or null where the service did not say. */
  amount: string | null
  raises: boolean
  /** `raises it strongly` */
  effect: string
  value: number
}

const STRONGLY = 0.6
const CLEARLY = 0.2
/** Below this a contribution is not worth a line. */
const LEAST = 0.01

export function effectWords(value: number): string {
  const size = Math.abs(value)
  const degree = size >= STRONGLY ? 'strongly' : size >= CLEARLY ? 'clearly' : 'slightly'
  return `${value > 0 ? 'raises' : 'lowers'} it ${degree}`
}

function amountWords(feature: string, amount: number | undefined): string | null {
  if (amount === undefined) return null
  if (feature.endsWith('_share')) return `${Math.round(amount * 100)}%`
  return Number.isInteger(amount) ? String(amount) : amount.toFixed(2)
}

/** The strongest movers first, at most `most` of them. */
export function movers(contributions: Contribution[], features: Record<string, number>, most: number): Mover[] {
  return contributions
    .filter(({ feature, value }) => feature !== '' && Math.abs(value) >= LEAST)
    .toSorted((one, other) => Math.abs(other.value) - Math.abs(one.value))
    .slice(0, most)
    .map(({ feature, value }) => ({
      feature,
      words: words[feature] ?? feature.replaceAll('_', ' '),
      amount: amountWords(feature, features[feature]),
      raises: value > 0,
      effect: effectWords(value),
      value,
    }))
}
