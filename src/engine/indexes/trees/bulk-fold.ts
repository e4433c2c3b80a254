/**
 * Takes over pending entries by building all pages of an index from the records, if that is less work than merging.
 *
 * When it begins, every pending entry agrees with its record in the file. Entries of later changes become pending in another delta.
 * Lookups use the old pages until the new ones are complete. Building pages: bulk-build.ts. Merging: fold.ts.
 */

import type { Folding, FoldState } from './fold.ts'

/** A building step takes as long as merging so many entries. */
const STEP_WORK = 700

export class BulkFold implements Folding {
  readonly #build: Generator<unknown, void>
  readonly #built: () => void

  /** @param built replaces the old pages by the new ones */
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
