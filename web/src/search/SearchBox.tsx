import { useEffect, useRef, useState } from 'react'

interface Props {
  query: string
  onSearch: (query: string) => void
  /** On the welcome page the box takes the focus. */
  prominent?: boolean
}

export function SearchBox({ query, onSearch, prominent = false }: Props) {
  const [text, setText] = useState(query)
  const input = useRef<HTMLInputElement>(null)

  useEffect(() => setText(query), [query])

  useEffect(() => {
    if (prominent) input.current?.focus({ preventScroll: true })
    const slash = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest('input, textarea, select')
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
      input.current?.select()
    }
    window.addEventListener('keydown', slash)
    return () => window.removeEventListener('keydown', slash)
  }, [prominent])

  const submit = (event: React.FormEvent): void => {
    event.preventDefault()
    onSearch(text.trim())
  }

  return (
    <form className={prominent ? 'searchbox searchbox-prominent' : 'searchbox'} role="search" onSubmit={submit}>
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="8.5" cy="8.5" r="5.5" />
        <path d="M13 13l4.5 4.5" />
      </svg>
      <input
        ref={input}
        type="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder="similar async Redis flakes"
        aria-label="Search tests in plain words"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        enterKeyHint="search"
      />
      <kbd aria-hidden="true">/</kbd>
      <button type="submit" className="button button-primary">
        Search
      </button>
    </form>
  )
}
