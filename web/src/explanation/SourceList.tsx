import type { Assessment, Source } from '../api/types.ts'
import { ruleHref, testHref } from '../route.ts'
import { sourceId } from '../test/jump.ts'
import { testName } from '../words/testName.ts'
import { kindWords } from './CitationChip.tsx'

function linkOf(source: Source, self: Assessment): { href: string; words: string } | null {
  if (source.kind === 'rule') return { href: ruleHref(source.ref), words: 'Read the rule' }
  if (source.kind === 'test' && source.id && source.id !== self.id) {
    return { href: testHref(source.repo || self.repo, source.id), words: 'Open this test' }
  }
  return null
}

function titleOf(source: Source, self: Assessment): string {
  if (source.kind === 'test' && source.id === self.id) return 'this test'
  if (source.kind === 'test') return testName(source.id).name
  if (source.kind === 'rule') return self.details.find(({ code }) => code === source.ref)?.name ?? (source.id === source.ref ? '' : source.id)
  return source.id
}

/** What was retrieved, before a word was written: nothing else can be cited. */
export function SourceList({ sources, self }: { sources: Source[]; self: Assessment }) {
  if (sources.length === 0) return null
  return (
    <div className="sources">
      <h3>Sources</h3>
      {sources.map((source) => {
        const link = linkOf(source, self)
        return (
          <details key={source.ref} id={sourceId(source.ref)} tabIndex={-1}>
            <summary>
              <span className="cite cite-still">{source.ref}</span>
              <span className="source-kind">{kindWords(source.kind)}</span>
              <span className="source-title">{titleOf(source, self)}</span>
            </summary>
            {source.repo && source.kind !== 'rule' && <p className="source-repo">{source.repo}</p>}
            <pre>{source.text}</pre>
            {link && <a href={link.href}>{link.words}</a>}
          </details>
        )
      })}
    </div>
  )
}
