/**
 * Long work in steps, at once or without blocking the event loop; with progress told and ended by a signal where a caller asks.
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

/** Work that stops after each part and says how far it is; a part takes milliseconds. */
export type Steps<T> = Generator<Done, T, void>

export function runAtOnce<T>(steps: Steps<T>, { signal, progress }: ProgressOptions): T {
  for (;;) {
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    progress?.(step.value.done, step.value.total)
  }
}

/** The same, one part each turn of the event loop. */
export async function runInTurns<T>(steps: Steps<T>, { signal, progress }: ProgressOptions): Promise<T> {
  for (;;) {
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
    progress?.(step.value.done, step.value.total)
    await nextTurn()
  }
}

/** Work that stops after each part and says nothing. */
export type QuietSteps<T> = Generator<void, T, void>

export function allSteps<T>(steps: Generator<unknown, T, void>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same, one part each turn of the event loop. */
export async function stepsInTurns<T>(steps: QuietSteps<T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await nextTurn()
  }
}
