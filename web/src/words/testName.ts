export interface TestName {
  file: string
  /** Classes around the test, outermost first. */
  scope: string[]
  name: string
}

/** The parts of a pytest node id. */
export function testName(id: string): TestName {
  const [file = id, ...rest] = id.split('::')
  const name = rest.pop()
  return name === undefined ? { file: '', scope: [], name: file } : { file, scope: rest, name }
}
