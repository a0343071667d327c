import { Fragment } from 'react'
import { testName } from '../words/testName.ts'

/** A test's name with its classes; long names may break after `_` and `.`. */
export function TestTitle({ id }: { id: string }) {
  const { scope, name } = testName(id)
  return (
    <>
      {scope.length > 0 && <span className="test-scope">{scope.join('::')}::</span>}
      <span className="test-name">
        {name.split(/(?<=_)/).map((part, index) => (
          <Fragment key={index}>
            {part}
            <wbr />
          </Fragment>
        ))}
      </span>
    </>
  )
}
