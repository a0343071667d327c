/** What a risk rests on. */
export function basisWords(basis: string): string {
  if (basis === 'adapted') return 'adapted to outcomes seen in this repository'
  if (basis === 'prior') return 'order only: no history of this repository'
  return basis
}

/** A figure between 0 and 1 that is not a probability, so it gets no percent sign. */
export function riskFigure(risk: number | null): string {
  return risk === null ? '–' : risk.toFixed(2)
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
