// The names and definitions of the 42 features stand once, in src/risk/features.rs. The page takes its words
// from there while it is built, so that the two cannot drift apart.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const MODULE = 'virtual:feature-words'
const SOURCE = fileURLToPath(new URL('../src/risk/features.rs', import.meta.url))

/** `{ sleeps: 'calls that only let time pass', … }`; throws where the table cannot be found. */
export function readDefinitions(rust: string): Record<string, string> {
  const table = /DEFINITIONS[^=]*=\s*\[([\s\S]*?)\n\];/.exec(rust)?.[1] ?? ''
  const words: Record<string, string> = {}
  for (const [, name, definition] of table.matchAll(/\(\s*"(\w+)",\s*"([^"]+)",?\s*\)/g)) {
    if (name && definition) words[name] = definition
  }
  const expected = Number(/COUNT: usize = (\d+)/.exec(rust)?.[1])
  if (Object.keys(words).length !== expected) {
    throw new Error(`found ${Object.keys(words).length} of ${expected} feature definitions in ${SOURCE}`)
  }
  return words
}

export function featureWords(): Plugin {
  return {
    name: 'feature-words',
    resolveId: (id) => (id === MODULE ? '\0' + MODULE : undefined),
    load(id) {
      if (id !== '\0' + MODULE) return undefined
      this.addWatchFile(SOURCE)
      return `export default ${JSON.stringify(readDefinitions(readFileSync(SOURCE, 'utf8')))}`
    },
  }
}
