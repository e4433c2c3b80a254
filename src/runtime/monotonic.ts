/**
 * How much time has passed? A clock that only goes forward, for every deadline.
 *
 * People and time servers change the clock of the day (Date.now). A deadline by that clock could wait for hours, or not at all. Fake
 * timers of a test do not reach this clock, either.
 */

import { performance } from 'node:perf_hooks'

/** Milliseconds since a fixed moment in the past. */
export const monotonicMs: () => number = performance.now.bind(performance)

/** A moment until which something waits. */
export class Deadline {
  readonly #endMs: number

  /** @param ms from now on; Infinity never ends */
  constructor(ms: number) {
    this.#endMs = monotonicMs() + ms
  }

  get isOver(): boolean {
    return monotonicMs() >= this.#endMs
  }
}
