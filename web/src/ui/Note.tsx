import type { ReactNode } from 'react'

/** A calm word in the place of content. */
export function Note({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="note">
      <h2>{title}</h2>
      {children}
    </div>
  )
}
