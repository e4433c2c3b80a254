/**
 * The hot rows: rows that stand on a window, and read it without checking that it still exists (RO1 of schema/row.ts).
 *
 *   SG1  `end` is called before a window may go or its bytes may change. No row is hot after it.
 *   SG2  at most 16 rows are hot. One more replaces the one that has been hot longest, which then checks its window again. A program that
 *        creates a row for each record thus keeps none of them in memory.
 */

import { type RowBase, rowAccess } from '../../schema/index.ts'

const ROWS_MAX = 16

export class HotRows {
  readonly #rows: RowBase[] = []
  #oldest = 0

  /** Makes a row hot. It points at a record in a window that shows the file. */
  add(row: RowBase): void {
    const rows = this.#rows
    if (!rows.includes(row)) {
      if (rows.length < ROWS_MAX) rows.push(row)
      else {
        rowAccess.cool(rows[this.#oldest] as RowBase)
        rows[this.#oldest] = row
        this.#oldest = (this.#oldest + 1) % ROWS_MAX
      }
    }
    rowAccess.stand(row)
  }

  end(): void {
    const rows = this.#rows
    if (rows.length === 0) return
    for (const row of rows) rowAccess.cool(row)
    rows.length = 0
    this.#oldest = 0
  }
}
