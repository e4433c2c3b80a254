/**
 * Pauses between the steps of background work.
 *
 *   PZ1  a pause keeps no process alive.
 *   PZ2  while a caller waits for the work, a pause is one turn of the event loop, and one that has begun ends at once.
 */

import { setTimeout as startTimer } from 'node:timers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Wait } from './protocol.ts'

/** Calls `run` after a time, and keeps no process alive. @returns a function that cancels the call */
export type Later = (run: () => void, ms: number) => () => void

export const later: Later = (run, ms) => {
  const timer = startTimer(run, ms)
  timer.unref()
  return () => void timer.close()
}

export class Pauses implements Wait {
  readonly #later: Later
  readonly #ms: number
  #waiters = 0
  #end: (() => void) | undefined

  constructor(after: Later, ms: number) {
    this.#later = after
    this.#ms = ms
  }

  block(): void {}

  wait(): Promise<unknown> {
    if (this.#waiters > 0) return nextTurn()
    return new Promise<void>(resolve => {
      const takeBack = this.#later(resolve, this.#ms)
      this.#end = () => {
        takeBack()
        resolve()
      }
    })
  }

  /** Shortens pauses until `wait` has settled, since a caller waits for the work (PZ2). */
  async shortened<T>(wait: () => Promise<T>): Promise<T> {
    this.#waiters++
    this.#end?.()
    try {
      return await wait()
    } finally {
      this.#waiters--
    }
  }
}
