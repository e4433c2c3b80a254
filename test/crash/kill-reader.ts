/**
 * A reader that stays open while writers are killed beside it: each of its reads must show one commit, whole, and never
 * one older than it saw before. Ends when its standard input does, and answers with a line of JSON.
 *
 * Arguments: path, backend, seed of the history.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { StrideError } from '../../src/errors.ts'
import { differenceOf, isSameState } from './expected-store.ts'
import { NumberedHistory } from './numbered-history.ts'
import { openOnDisk, stateOf } from './store-under-test.ts'

export interface ReaderAnswer {
  readonly reads: number
  /** How many different commits were seen. */
  readonly commits: number
  /** Reads that found no moment between two commits. */
  readonly busy: number
  readonly violation?: string
}

const [path = '', backend = '', seed = ''] = process.argv.slice(2)
const history = new NumberedHistory(Number(seed))
const store = openOnDisk(path, 'small', { backend: backend as 'mapped' | 'file', readOnly: true })
const seen = { reads: 0, commits: 0, busy: 0 }
let last = -1
let isOver = false
process.stdin.on('end', () => {
  isOver = true
})
process.stdin.resume()
process.stdout.write('ready\n')

let violation: string | undefined
while (!isOver && violation === undefined) {
  violation = look()
  await sleep(1)
}
process.stdout.write(`${JSON.stringify({ ...seen, ...(violation === undefined ? {} : { violation }) })}\n`)
store.close()

function look(): string | undefined {
  try {
    const found = store.read(() => ({ commitNumber: store.commitNumber, records: stateOf(store) }))
    seen.reads++
    if (found.commitNumber < last) return `after commit ${last} the reader saw ${found.commitNumber}`
    if (found.commitNumber > last) seen.commits++
    last = found.commitNumber
    const expected = history.stateAfter(last)
    if (isSameState(found.records, expected)) return undefined
    return `the reader saw commit ${last} as no commit was: ${differenceOf(found.records, expected)}`
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY') {
      seen.busy++
      return undefined
    }
    return `the reader failed: ${error instanceof Error ? error.stack : String(error)}`
  }
}
