import { highlight } from '../code/python.ts'
import type { Block, Inline } from './markdown.ts'

function Inlines({ parts }: { parts: Inline[] }) {
  return parts.map((part, index) => {
    switch (part.kind) {
      case 'code':
        return <code key={index}>{part.text}</code>
      case 'strong':
        return <strong key={index}>{part.text}</strong>
      case 'em':
        return <em key={index}>{part.text}</em>
      case 'text':
        return <span key={index}>{part.text}</span>
    }
  })
}

function PythonCode({ text }: { text: string }) {
  return highlight(text).map((tokens, line) => (
    <span key={line}>
      {tokens.map((token, index) => (
        <span key={index} className={`t-${token.kind}`}>
          {token.text}
        </span>
      ))}
      {'\n'}
    </span>
  ))
}

export function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case 'heading':
      return (
        <h2>
          <Inlines parts={block.text} />
        </h2>
      )
    case 'paragraph':
      return (
        <p>
          <Inlines parts={block.text} />
        </p>
      )
    case 'code':
      return (
        <pre className="example" tabIndex={0}>
          {/^(py|python|)$/.test(block.language) ? <PythonCode text={block.text} /> : block.text}
        </pre>
      )
    case 'list': {
      const items = block.items.map((item, index) => (
        <li key={index}>
          <Inlines parts={item} />
        </li>
      ))
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
    }
  }
}
