/**
 * The token that refers to a window. Mapped windows and copies have tokens of the same class.
 *
 * With one class, code that reads both sees objects of one shape.
 */

import type { Window } from './window.ts'

export class ShownWindow implements Window {
  view: DataView | null
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** The slot or copy of the pool that shows it. */
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

/** Used where there is no token. It never shows anything. */
export const NO_WINDOW = new ShownWindow(null, Buffer.alloc(0), 0, 0, undefined)
