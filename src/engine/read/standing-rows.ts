/**
 * Which rows stand on memory of the file, and until when?
 *
 * A row that stands reads without looking whether its window is still there (RO1 of schema/row.ts).
 *   SG1  `end` is called whenever a window may go or what lies in it may change, before that happens; no row stands after it.
 *   SG2  few rows stand at once. The one that has stood longest makes room for another one, and goes on as a row does that does not
 *        stand. So a program that makes a row for each record keeps none of them in memory.
 */

import { type RowBase, rowAccess } from '../../schema/index.ts'

const ROWS_MAX = 16

export class StandingRows {
  readonly #rows: RowBase[] = []
  #oldest = 0

  /** The row stands on what it was pointed at: a window that shows the file. */
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
