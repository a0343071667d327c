import { causeHundred, causeTitle } from '../words/causes.ts'

export function CauseTags({ causes }: { causes: string[] }) {
  return causes.map((cause) => (
    <span key={cause} className="tag tag-cause" title={causeHundred(cause)}>
      {causeTitle(cause)}
    </span>
  ))
}

export function LibraryTags({ libraries, isAsync }: { libraries: string[]; isAsync: boolean }) {
  return (
    <>
      {isAsync && <span className="tag tag-async">async</span>}
      {libraries.map((library) => (
        <span key={library} className="tag tag-library">
          {library}
        </span>
      ))}
    </>
  )
}
