/**
 * The token on a window: what its holder has in hand, whichever pool it came from.
 *
 * One class for mapped windows and for copies, so that code which reads both sees objects of one shape.
 */

import type { Window } from './window.ts'

export class ShownWindow implements Window {
  view: DataView | null
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** What of the pool shows it. */
  readonly origin: object | undefined
  readonly isCopy: boolean

  constructor(
    view: DataView | null,
    bytes: Buffer,
    start: number,
    end: number,
    origin: object | undefined,
    isCopy = false,
  ) {
    this.view = view
    this.bytes = bytes
    this.start = start
    this.end = end
    this.origin = origin
    this.isCopy = isCopy
  }
}

/** Stands where there is no token: shows nothing, for ever. */
export const NO_WINDOW = new ShownWindow(null, Buffer.alloc(0), 0, 0, undefined)
