/**
 * How much time has passed: a clock that only goes forward.
 *
 * Every deadline counts on it. The clock of the day (Date.now) is set back and forward by people and by time servers;
 * a deadline on it could wait for hours, or not at all. Fake timers of a test do not reach this clock either.
 */

import { performance } from 'node:perf_hooks'

/** Milliseconds since some moment in the past. */
export const monotonicMs: () => number = performance.now.bind(performance)

/** A moment to wait for, and no longer. */
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
