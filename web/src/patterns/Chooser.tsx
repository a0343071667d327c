interface Props {
  label: string
  /** What choosing nothing is called. */
  all: string
  names: string[]
  value: string
  onChange: (name: string) => void
}

export function Chooser({ label, all, names, value, onChange }: Props) {
  if (names.length === 0) return null
  return (
    <label className="chooser">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{all}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
