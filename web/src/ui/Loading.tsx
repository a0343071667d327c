/** Lines where the content will be. `what` is said to screen readers. */
export function Loading({ what, rows = 5 }: { what: string; rows?: number }) {
  return (
    <div className="loading" role="status">
      <span className="hidden">Loading {what} …</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="loading-row" aria-hidden="true">
          <span />
          <span />
        </div>
      ))}
    </div>
  )
}
