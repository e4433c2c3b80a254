/**
 * How does a walk go from one record to the next? With `next`, which is generated into a subclass.
 *
 * A walk moves one row over neighbouring records (a run), and is its own result object.
 *   WA1  a step within the run is one addition, if the run's memory is still there. Every other step calls `leap`. Code that points the
 *        row elsewhere in between sets `stopAt` to 0.
 *   WA2  each layout has a class of its own, as for readers (RD2 of reader.ts).
 */

import type { RowBase } from './row.ts'

/** The state of a step. Numbers have 32 bits, so that nothing is boxed. */
export interface WalkBase<Row extends RowBase = RowBase> {
  /** The row, on the present record. */
  value: Row
  done: boolean
  /** Position of the present record in the memory of run and row. */
  at: number
  /** Position behind the last record of the run. */
  stopAt: number
  /** Goes to the first record of the next run, or ends the walk. Out of line (out-of-line.ts), and bound to the walk. */
  leap: () => void
  next(): IteratorResult<Row, undefined>
}

export type WalkBaseConstructor = abstract new (...args: never[]) => WalkBase
