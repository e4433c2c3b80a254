/**
 * Takes over pending entries by building all pages of an index from the records, where that is less work than merging.
 *
 * Every pending entry is settled when this begins, so that the records as they are in the file say the same. What changes
 * meanwhile becomes pending beside it, and the old pages answer until the new ones are whole.
 * How pages are built: bulk-build.ts. Merging: fold.ts.
 */

import type { Folding, FoldState } from './fold.ts'

/** A step of the building is as much work as so many entries that are merged. */
const STEP_WORK = 700

export class BulkFold implements Folding {
  readonly #build: Generator<unknown, void>
  readonly #built: () => void

  /** @param built puts the new pages in the place of the old ones */
  constructor(build: Generator<unknown, void>, built: () => void) {
    this.#build = build
    this.#built = built
  }

  step(workMax: number): FoldState {
    let work = 0
    do {
      if (this.#build.next().done === true) {
        this.#built()
        return 'done'
      }
      work += STEP_WORK
    } while (work < workMax)
    return 'more'
  }

  abandon(): void {
    this.#build.return()
  }
}
