// The nine causes, in the order of their hundreds.

export const CAUSES: readonly (readonly [name: string, title: string])[] = [
  ['async-wait', 'waiting for asynchronous work'],
  ['concurrency', 'concurrency'],
  ['network', 'network and services'],
  ['time', 'date and time'],
  ['randomness', 'randomness'],
  ['shared-state', 'shared state and test order'],
  ['resources', 'files and resources'],
  ['unordered', 'unordered collections'],
  ['structure', 'numbers and structure'],
]

export function causeTitle(name: string): string {
  return CAUSES.find(([known]) => known === name)?.[1] ?? name.replaceAll('-', ' ')
}

/** `FD1` for `async-wait`; empty for a cause not known here. */
export function causeHundred(name: string): string {
  const index = CAUSES.findIndex(([known]) => known === name)
  return index < 0 ? '' : `FD${index + 1}`
}
