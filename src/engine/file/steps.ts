/**
 * Long work in steps: with progress told, ended by a signal, at once or without blocking the event loop.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ProgressOptions } from './progress-options.ts'

/** Records done so far, and in all. */
export interface Done {
  readonly done: number
  readonly total: number
}

/** Work that stops after each part; a part takes milliseconds. */
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
