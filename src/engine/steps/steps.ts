/**
 * How is long work run in steps? At once, or in turns of the event loop, with progress and a signal if the caller wants them.
 *
 * Work whose order of syncs matters: protocol.ts.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ProgressOptions } from './progress-options.ts'

/** Records done so far, and in all. */
export interface Done {
  readonly done: number
  readonly total: number
}

/** Work that yields its progress after each part. A part takes milliseconds. */
export type Steps<T> = Generator<Done, T, void>

export function runAtOnce<T>(steps: Steps<T>, { signal, progress }: ProgressOptions): T {
  for (;;) {
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    progress?.(step.value.done, step.value.total)
  }
}

/** Runs work, one part in each turn of the event loop. */
export async function runInTurns<T>(steps: Steps<T>, { signal, progress }: ProgressOptions): Promise<T> {
  for (;;) {
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    progress?.(step.value.done, step.value.total)
    await nextTurn()
  }
}

/** Work that yields after each part, without progress. */
export type QuietSteps<T> = Generator<void, T, void>

export function allSteps<T>(steps: Generator<unknown, T, void>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Runs work without progress, one part in each turn of the event loop. */
export async function stepsInTurns<T>(steps: QuietSteps<T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await nextTurn()
  }
}
