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

/** What an adapted figure rests on; the words of the code's features come from where those are defined. */
const EVIDENCE: Record<string, string> = {
  prior: 'what the code alone suggests',
  known_share_flaky: 'share of flaky tests in the repository',
  known_tests: 'tests with an outcome',
  known_flaky: 'flaky tests in the repository',
  class_outcomes: 'outcomes of its class',
  class_known: 'how many outcomes its class has',
  class_flaky: 'flaky tests in its class',
  file_outcomes: 'outcomes of its file',
  file_known: 'how many outcomes its file has',
  file_flaky: 'flaky tests in its file',
  folder_outcomes: 'outcomes of its folder',
  folder_known: 'how many outcomes its folder has',
  nearest: 'outcome of the test with the most similar code',
  nearest_three: 'outcomes of the three most similar tests',
  nearest_ten: 'outcomes of the ten most similar tests',
  all_by_likeness: 'outcomes of all tests, the more alike the more they count',
  likest_flaky: 'likeness to the most similar flaky test',
  likest_stable: 'likeness to the most similar stable test',
  likest_difference: 'whether a flaky or a stable test is more alike',
  kernel: 'outcomes of tests with alike code and place',
  kernel_over_base: 'the same, beside the share of the repository',
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
      words: words[feature] ?? EVIDENCE[feature] ?? feature.replaceAll('_', ' '),
      amount: amountWords(feature, features[feature]),
      raises: value > 0,
      effect: effectWords(value),
      value,
    }))
}
