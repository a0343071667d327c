import { useState } from 'react'

interface Props {
  title: string
  options: { value: string; label: string }[]
  chosen: string[]
  onToggle: (value: string) => void
}

/** So many options and more get a field to narrow them. */
const MANY = 12

export function FilterGroup({ title, options, chosen, onToggle }: Props) {
  const [part, setPart] = useState('')
  if (options.length === 0) return null
  const shown = options.filter(({ value, label }) => chosen.includes(value) || label.toLowerCase().includes(part.toLowerCase()))
  return (
    <fieldset className="filter">
      <legend>{title}</legend>
      {options.length > MANY && (
        <input
          className="filter-narrow"
          value={part}
          onChange={(event) => setPart(event.target.value)}
          placeholder="Narrow the list"
          aria-label={`Narrow the list: ${title}`}
        />
      )}
      <div className="filter-options">
        {shown.map(({ value, label }) => (
          <label key={value}>
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => onToggle(value)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
