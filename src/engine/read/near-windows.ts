/**
 * In which windows were records found lately? A store larger than one window is then read in several of them without asking the pool.
 *
 *   NQ1  a window is used only while its view exists (WD1 of window.ts), and is no longer kept after `clear`.
 *   NQ2  the answer says only where the bytes of a record are. Whether the record is in the file at all, live and unchanged, is asked
 *        before each use (`isInPlace` of locator.ts).
 */

import type { Window } from '../../mmap/window-pool/window.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'

/** Windows kept at once, a power of two. Thirty-two windows of 1 GiB show 32 GiB. */
const PLACES = 32

/** Records that lie in one window. */
export interface NearWindow {
  readonly window: Window
  readonly first: number
  readonly count: number
  /** Byte position of the first one in the window. */
  readonly at: number
}

export class NearWindows {
  readonly #places: (NearWindow | undefined)[] = new Array<NearWindow | undefined>(PLACES).fill(undefined)
  #isEmpty = true

  /** The window kept for record n; undefined if there is none. */
  find(addressing: Addressing, windowBytes: number, n: number): NearWindow | undefined {
    const near = this.#places[placeOf(addressing, windowBytes, n)]
    if (near === undefined || near.window.view === null) return undefined
    return n >= near.first && n - near.first < near.count ? near : undefined
  }

  /** Keeps the window in which record n was found. */
  keep(addressing: Addressing, windowBytes: number, n: number, near: NearWindow): void {
    this.#places[placeOf(addressing, windowBytes, n)] = near
    this.#isEmpty = false
  }

  clear(): void {
    if (this.#isEmpty) return
    this.#places.fill(undefined)
    this.#isEmpty = true
  }
}

function placeOf(addressing: Addressing, windowBytes: number, n: number): number {
  // Not %, which is a call for numbers above 32 bits.
  return (offsetOf(addressing, n) / windowBytes) & (PLACES - 1)
}
