/**
 * Which options does long work take? A row an option.
 */

import { abortSignal, callback } from '../../options/option-kinds.ts'
import { type OptionsOf, OptionTable } from '../../options/option-table.ts'

/** Progress reporting and cancellation of long operations. */
export const PROGRESS = new OptionTable('ProgressOptions', {
  /** Aborting rejects with the signal's reason, and leaves everything as it was before the call. */
  signal: abortSignal.orElse('none'),
  /** Called after each part with records done so far and in all, deleted ones included. What it throws ends the work. */
  progress: callback<(done: number, total: number) => void>('done, total').orElse('none'),
})

/** Progress reporting and cancellation of long operations. */
export type ProgressOptions = OptionsOf<typeof PROGRESS>
