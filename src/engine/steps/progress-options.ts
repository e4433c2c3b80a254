/**
 * Which options do long operations take? One row an option.
 */

import { abortSignal, callback } from '../../options/option-kinds.ts'
import { type OptionsOf, OptionTable } from '../../options/option-table.ts'

/** Rows of `ProgressOptions`. */
export const PROGRESS = new OptionTable('ProgressOptions', {
  /** Aborting it ends the call with the signal's reason. Everything is then as it was before the call. */
  signal: abortSignal.orElse('none'),
  /** Called after each part with the records done so far and in all, deleted ones included. If it throws, the call ends with that. */
  progress: callback<(done: number, total: number) => void>('done, total').orElse('none'),
})

/** Progress reporting and cancellation of long operations. */
export type ProgressOptions = OptionsOf<typeof PROGRESS>
