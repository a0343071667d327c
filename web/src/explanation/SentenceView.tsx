import type { Assessment, Sentence, Source } from '../api/types.ts'
import { jumpTo, lineId } from '../test/jump.ts'
import { CitationChip } from './CitationChip.tsx'
import { type Part, sentenceParts } from './sentence.ts'

interface Props {
  sentence: Sentence
  sources: Source[]
  onCite: (ref: string) => void
  /** The test on the page. */
  test: Assessment
}

export function SentenceView({ sentence, sources, onCite, test }: Props) {
  const ofAnother = sources.some(
    ({ ref, kind, id }) => kind === 'test' && id !== test.id && sentence.citations.includes(ref),
  )
  const here = (line: number): boolean => !ofAnother && line >= test.line && line <= test.endLine
  const show = (part: Part, index: number): React.ReactNode => {
    switch (part.kind) {
      case 'text':
        return <span key={index}>{part.text}</span>
      case 'code':
        return <code key={index}>{part.text}</code>
      case 'cite': {
        const source = sources.find(({ ref }) => ref === part.ref)
        return <CitationChip key={index} cited={part.ref} source={source} onCite={onCite} />
      }
      case 'line':
        if (!here(part.line)) return <span key={index}>{part.text}</span>
        return (
          <button key={index} type="button" className="link" onClick={() => jumpTo(lineId(part.line))}>
            {part.text}
          </button>
        )
    }
  }
  return <p className="sentence">{sentenceParts(sentence.text, sentence.citations).map(show)}</p>
}
