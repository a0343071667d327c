// Jumps inside the page. Addresses are taken by the routes, so these are calls, not links.

function flash(element: HTMLElement, block: ScrollLogicalPosition): void {
  element.focus({ preventScroll: true })
  element.scrollIntoView({ block })
  element.classList.remove('flash')
  void element.offsetWidth
  element.classList.add('flash')
}

export function lineId(line: number): string {
  return `line-${line}`
}

export function findingId(code: string, line: number): string {
  return `finding-${code}-${line}`
}

export function sourceId(ref: string): string {
  return `source-${ref}`
}

/** Scrolls to an element, gives it the focus and lets it light up; false where it is not on the page. */
export function jumpTo(id: string, block: ScrollLogicalPosition = 'center'): boolean {
  const element = document.getElementById(id)
  if (!element) return false
  for (let parent = element.parentElement; parent; parent = parent.parentElement) {
    if (parent instanceof HTMLDetailsElement) parent.open = true
  }
  if (element instanceof HTMLDetailsElement) element.open = true
  flash(element, block)
  return true
}
