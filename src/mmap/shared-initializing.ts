/**
 * Which opener initialises shared memory? One runs its `initialize` to the end; all others wait for it.
 *
 *   IZ1  the initialiser holds a lock of the kernel, which ends with its process. Openers that wait for the lock take it over.
 *   IZ2  if an initialiser threw or died, the next opener zeroes the memory and runs its own `initialize`.
 *   IZ3  an object whose creator gave no `initialize` counts as initialised: `created` tells its creator to do that.
 *   IZ4  `initialize` is synchronous (SY1), and may not open the object that it initialises.
 */

import { StrideError } from '../errors.ts'
import { shown } from '../options/shown-value.ts'
import { blockFor } from '../runtime/blocking-wait.ts'
import { Deadline } from '../runtime/monotonic.ts'
import { unfinished } from '../runtime/synchronous.ts'
import type { MappedMemory, SharedObject } from './mapping-system.ts'
import { INITIALIZATION, STATE_WORD } from './shared-trailer.ts'

/** The lock of the initialiser among the locks of an object. */
export const INITIALIZING_LOCK = 0
/** The first lock that is free for other uses. */
export const FIRST_FREE_LOCK = 1

const POLL_MS = 1

/** Names that this thread initialises now. */
const initializingHere = new Set<string>()

/** @throws TypeError inside `initialize` of the same name, which would wait for itself */
export function refuseWithinInitialize(name: string): void {
  if (initializingHere.has(name))
    throw new TypeError(`initialize of shared memory '${name}' may not open the object that it initialises`)
}

/** One opener, as far as initialising needs it. */
export interface Initializing {
  readonly name: string
  readonly object: SharedObject
  /** The page of shared-trailer.ts, mapped. */
  readonly page: MappedMemory
  /** Runs the caller's `initialize` and returns its result; undefined if it gave none. */
  readonly run: ((isDirty: boolean) => unknown) | undefined
}

/** Waits until the memory is initialised. Blocks. @returns whether this call ran `initialize` @throws ERR_STRIDE_BUSY */
export function initializeShared(opener: Initializing, timeoutMs: number): boolean {
  const deadline = new Deadline(timeoutMs)
  for (;;) {
    const ran = attempt(opener)
    if (ran !== undefined) return ran
    if (deadline.isOver) throw notInitialized(opener, timeoutMs)
    blockFor(POLL_MS)
  }
}

/** Like `initializeShared`, but does not block the event loop. */
export async function initializeSharedAsync(opener: Initializing, timeoutMs: number): Promise<boolean> {
  const deadline = new Deadline(timeoutMs)
  for (;;) {
    const ran = attempt(opener)
    if (ran !== undefined) return ran
    if (deadline.isOver) throw notInitialized(opener, timeoutMs)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** @returns whether it ran `initialize`; undefined while another opener has to */
function attempt({ name, object, page, run }: Initializing): boolean | undefined {
  const words = new Int32Array(page.buffer, 0, STATE_WORD + 1)
  const isDone = (): boolean => Atomics.load(words, STATE_WORD) === INITIALIZATION.done
  if (isDone()) return false
  if (run === undefined || !object.tryLock(INITIALIZING_LOCK)) return undefined
  initializingHere.add(name)
  try {
    // Another opener may have initialised it before this one got the lock.
    if (isDone()) return false
    const isDirty = Atomics.exchange(words, STATE_WORD, INITIALIZATION.begun) === INITIALIZATION.begun
    const kind = unfinished(run(isDirty))
    if (kind !== undefined) throw new TypeError(`initialize must be synchronous, and returned ${kind}`)
    Atomics.store(words, STATE_WORD, INITIALIZATION.done)
    return true
  } finally {
    initializingHere.delete(name)
    object.unlock(INITIALIZING_LOCK)
  }
}

function notInitialized({ name, run }: Initializing, timeoutMs: number): StrideError {
  const why =
    run === undefined ? 'and this opener has no initialize' : 'since another opener is initialising it'
  return new StrideError(
    'ERR_STRIDE_BUSY',
    `Shared memory ${shown(name)} is not initialised after ${timeoutMs} ms, ${why}`,
  )
}
