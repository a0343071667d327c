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

/** What stands beside the code's features, whose words come from where they are defined. */
const BESIDE: Record<string, string> = {
  position_in_file: 'position among the tests of its file',
  tests_in_file: 'tests in its file',
  lines: 'lines of the test',
  class_depth: 'classes around it',
  sharing: 'tests that use the state it depends on',
  sharing_in_file: 'tests of its file that use the state it depends on',
  sharing_in_class: 'tests of its class that use the state it depends on',
  sharing_the_same: 'tests that use exactly the same state',
  first_of_sharing: 'pieces of state that it is the first to use',
  last_of_sharing: 'pieces of state that it is the last to use',
  place_among_sharing: 'its place among the tests that share its state',
  code_apart_3: 'how unlike the nearest three tests its code is',
  code_apart_10: 'how unlike the nearest ten tests its code is',
  code_alone: 'how few tests have code like its own',
  state_apart_3: 'how unlike the nearest three tests it shares state',
  state_apart_10: 'how unlike the nearest ten tests it shares state',
  state_alone: 'how few tests share state as it does',
  apart_3: 'how unlike the nearest three tests it is',
  apart_10: 'how unlike the nearest ten tests it is',
  alone: 'how few tests are like it',
  prior: 'what the code alone suggests',
  known_share_flaky: 'share of flaky tests in the repository',
  known_tests: 'tests with an outcome',
  known_flaky: 'flaky tests in the repository',
  kernel_margin: 'outcomes of tests that are like it',
  kernel_rank: 'the same, beside the other tests',
  kernel_share: 'share of flaky tests among those like it',
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
      words: words[feature] ?? BESIDE[feature] ?? feature.replaceAll('_', ' '),
      amount: amountWords(feature, features[feature]),
      raises: value > 0,
      effect: effectWords(value),
      value,
    }))
}
