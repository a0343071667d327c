import type { Dropped } from '../api/types.ts'
import { droppedWords } from '../words/dropped.ts'
import { plural } from '../words/risk.ts'

/** Sentences that failed the check: counted, and there for who wants to look. */
export function DroppedList({ dropped }: { dropped: Dropped[] }) {
  if (dropped.length === 0) return null
  return (
    <details className="dropped">
      <summary>
        {plural(dropped.length, 'sentence')} dropped, since {dropped.length === 1 ? 'it' : 'they'} failed the check
      </summary>
      <ul>
        {dropped.map((sentence, index) => (
          <li key={index}>
            <s>{sentence.text}</s>
            <small>{droppedWords(sentence.reason)}</small>
          </li>
        ))}
      </ul>
    </details>
  )
}
