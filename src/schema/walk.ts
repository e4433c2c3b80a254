/**
 * How does a walk go from one record to the next? `next`, generated onto a class of the caller's.
 *
 * A walk points one row at neighbouring records, a run, and is its own result object.
 *   WA1  a step within the run is an addition, taken while the run's memory has not gone. Every other step is asked of
 *       `leap`; whoever points the row elsewhere meanwhile sets `stopAt` to 0.
 *   WA2  a class of its own for each layout, as readers have (RD2 of reader.ts).
 */

import type { RowBase } from './row.ts'

/** What a step touches: whole numbers of 32 bits, so that nothing is boxed. */
export interface WalkBase<Row extends RowBase = RowBase> {
  /** The row, on the present record. */
  value: Row
  done: boolean
  /** Position of the present record in the run's memory, which is the row's. */
  at: number
  /** Position past the run's last record. */
  stopAt: number
  /** Goes to the first record of the next run, or ends the walk. Out of line (out-of-line.ts), and bound. */
  leap: () => void
  next(): IteratorResult<Row, undefined>
}

export type WalkBaseConstructor = abstract new (...args: never[]) => WalkBase
