import { getRule } from '../api/client.ts'
import { useLoad } from '../api/useLoad.ts'
import { NO_FILTERS, searchHref } from '../route.ts'
import { Loading } from '../ui/Loading.tsx'
import { ProblemNote } from '../ui/ProblemNote.tsx'
import { useTitle } from '../ui/useTitle.ts'
import { causeTitle } from '../words/causes.ts'
import { BlockView } from './BlockView.tsx'
import { blocks } from './markdown.ts'

export function RulePage({ code }: { code: string }) {
  const rule = useLoad(`rule ${code}`, (signal) => getRule(code, signal))
  useTitle(code)
  if (rule.problem) return <ProblemNote problem={rule.problem} retry={rule.retry} />
  if (!rule.data) return <Loading what="the rule" rows={4} />
  const { name, cause, summary, markdown } = rule.data
  return (
    <article className="rule">
      <header className="page-head">
        <p className="rule-cause">
          <span className="code">{code}</span>
          {cause && <a href={searchHref('', { ...NO_FILTERS, causes: [cause] })}>{causeTitle(cause)}</a>}
        </p>
        <h1>{name || code}</h1>
        {summary && <p className="lead">{summary}</p>}
      </header>
      {blocks(markdown).map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </article>
  )
}
