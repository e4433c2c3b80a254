/**
 * Pauses between the steps of work in the background that nobody waits for.
 *
 *   PZ1  a pause keeps no process alive.
 *   PZ2  while a caller waits for the work, a pause is one turn of the event loop, and one that has begun ends at once.
 */

import { setTimeout as startTimer } from 'node:timers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Wait } from './protocol.ts'

/** Calls back after a while, unless that is taken back; keeps no process alive. @returns what takes it back */
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

  /** A caller waits for the work until `wait` has settled. */
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
