/**
 * A store's whole life in a process some of whose system calls fail (real-faults.ts), on the mapped backend.
 *
 * Says in lines of JSON what it begins, what was acknowledged and what was refused, and looks after each refusal at what
 * the open store says of itself. Arguments: path, seed of the history.
 */

import { writeSync } from 'node:fs'
import { StrideError } from '../../src/errors.ts'
import { carryOut } from './apply-change.ts'
import { differenceOf, isSameState } from './expected-store.ts'
import { NumberedHistory } from './numbered-history.ts'
import { openOnDisk, SHAPES, type StoreUnderTest, stateOf } from './store-under-test.ts'

export type Said =
  | { readonly kind: 'begun' | 'acknowledged'; readonly commit: number }
  | { readonly kind: 'refused'; readonly what: string; readonly code: string }
  /** A promise that the process itself saw broken. */
  | { readonly kind: 'broken'; readonly what: string }
  | { readonly kind: 'done'; readonly isPoisoned: boolean }

const [path = '', seed = ''] = process.argv.slice(2)
const history = new NumberedHistory(Number(seed))
let acknowledged = 0
let isPoisoned = false

const store = attempt('open', () =>
  openOnDisk(path, 'small', { backend: 'mapped', capacity: 8, reuseNumbers: true }),
)
if (store !== undefined) {
  await live(store)
  attempt('close', () => store.close())
  store.close()
}
say({ kind: 'done', isPoisoned })

async function live(open: StoreUnderTest): Promise<void> {
  let next = 1
  for (let step = 0; step < 14; step++) {
    if (step % 5 === 4) await attemptAsync('checkpoint', () => open.checkpoint())
    else {
      if (!attempt('stage', () => stage(open, next))) return
      say({ kind: 'begun', commit: next })
      const commit = next
      const isDone =
        step % 2 === 0
          ? attempt('commitSync', () => open.commitSync())
          : await attemptAsync('commit', () => open.commit())
      // What was refused and did not poison is still staged.
      const again = isDone ?? (isPoisoned ? undefined : await attemptAsync('commit again', () => open.commit()))
      if (again !== undefined) {
        say({ kind: 'acknowledged', commit })
        acknowledged = commit
        next++
      }
    }
    if (isPoisoned) return
  }
}

/** A commit of the history; some of them grow the file. */
function stage(open: StoreUnderTest, k: number): true {
  for (const staged of history.changesOf(k)) carryOut(open, staged, SHAPES.small.fillBytes)
  return true
}

function attempt<T>(what: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    refused(what, error)
    return undefined
  }
}

async function attemptAsync<T>(what: string, work: () => Promise<T>): Promise<T | true | undefined> {
  try {
    return (await work()) ?? true
  } catch (error) {
    refused(what, error)
    return undefined
  }
}

function refused(what: string, error: unknown): void {
  if (!(error instanceof StrideError)) {
    say({ kind: 'broken', what: `${what}: ${error instanceof Error ? error.stack : error}` })
    return
  }
  say({ kind: 'refused', what, code: error.code })
  if (what === 'open' || what === 'close') return
  const open = store as StoreUnderTest
  const writes = [
    () => open.append({ lead: 1, stamp: 1, mark: 1, fill: new Uint8Array(SHAPES.small.fillBytes) }),
    () => open.delete(2 ** 40),
    () => open.appendMany([]),
    () => open.commitSync(),
  ]
  if (codeOf(() => open.delete(2 ** 40)) !== 'ERR_STRIDE_POISONED') return
  isPoisoned = true
  for (const write of writes) {
    const code = codeOf(write)
    if (code !== 'ERR_STRIDE_POISONED') say({ kind: 'broken', what: `a write of a poisoned store: ${code}` })
  }
  const found = stateOf(open)
  const expected = history.stateAfter(acknowledged)
  if (!isSameState(found, expected))
    say({ kind: 'broken', what: `a poisoned store shows ${differenceOf(found, expected)}` })
}

function codeOf(call: () => unknown): string {
  try {
    call()
    return 'nothing was thrown'
  } catch (error) {
    return error instanceof StrideError ? error.code : String(error)
  }
}

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`)
}
