import { useState } from 'react'

interface Props {
  label: string
  names: string[]
  href: (name: string) => string
}

const MOST = 4

export function NameList({ label, names, href }: Props) {
  const [open, setOpen] = useState(false)
  if (names.length === 0) return <p className="names" />
  const shown = open || names.length <= MOST + 1 ? names : names.slice(0, MOST)
  return (
    <p className="names">
      <span className="names-label">{label}</span>
      {shown.map((name) => (
        <a key={name} href={href(name)}>
          {name}
        </a>
      ))}
      {shown.length < names.length && (
        <button type="button" className="link" onClick={() => setOpen(true)}>
          {names.length - shown.length} more
        </button>
      )}
    </p>
  )
}
