/**
 * One window of a pool: the memory it has, the part of the file it shows, and the tokens that were given out.
 *
 *   WS1  a token's view is null from the moment its bytes may be others; it never comes back after that.
 *   WS2  a token that only waited for the next turn of the event loop is the same object afterwards.
 * Which part of the file goes where, and which goes next: live-windows.ts.
 */

import type { Region } from '../platform.ts'
import { viewsOf } from './region-views.ts'
import { NO_WINDOW, ShownWindow } from './shown-window.ts'

const NO_VIEW = new DataView(new ArrayBuffer(0))

export class WindowSlot {
  /** Number of the window shown; -1 for none. */
  k = -1
  start = 0
  /** File offset past the last byte shown. */
  end = 0
  region: Region | undefined
  token: ShownWindow = NO_WINDOW
  /** A token on the first part of the window, for a walk that asks for pages step by step. */
  aheadToken: ShownWindow = NO_WINDOW
  /** The part that a walk is reading, file offsets; empty for none. */
  walkStart = 0
  walkEnd = 0
  /** Clock of the last use. */
  stamp = 0
  pins = 0
  /** Its places in slot-table.ts: among all, and the next of its bucket. */
  tableAt = -1
  next: WindowSlot | undefined = undefined
  /** Its place among the slots whose tokens may be used in this turn; -1 for none. */
  activeAt = -1
  /** The tokens' epoch: expire() begins a new one. */
  epoch = 0
  #view: DataView = NO_VIEW
  #bytes: Buffer = NO_WINDOW.bytes

  get length(): number {
    return this.end - this.start
  }

  /** Points the region at a part of the file. On failure nothing is shown, and the region is empty. */
  show(k: number, start: number, end: number, region: Region): void {
    this.drop()
    region.point(start, end - start)
    this.region = region
    this.k = k
    this.start = start
    this.end = end
    this.walkStart = this.walkEnd = start
    const { view, bytes } = viewsOf(region, end - start)
    this.#view = view
    this.#bytes = bytes
  }

  /** The token on the whole window: the suspended one given back, or a new one. */
  resume(epoch: number): ShownWindow {
    if (this.token.view !== null) return this.token
    if (this.token === NO_WINDOW || this.epoch !== epoch) {
      this.token = new ShownWindow(this.#view, this.#bytes, this.start, this.end, this)
      this.epoch = epoch
    } else {
      this.token.view = this.#view
    }
    return this.token
  }

  /** A token that reaches to `end`. */
  resumeAhead(end: number): ShownWindow {
    this.aheadToken.view = null
    this.aheadToken = new ShownWindow(this.#view, this.#bytes, this.start, end, this)
    return this.aheadToken
  }

  /** Until the next acquire; the whole window's token is kept for it. */
  suspend(): void {
    this.token.view = null
    this.aheadToken.view = null
    this.aheadToken = NO_WINDOW
  }

  /** Tokens end, and the window shows nothing any more. @returns its region, for another use */
  drop(): Region | undefined {
    this.suspend()
    this.token = NO_WINDOW
    this.k = -1
    this.pins = 0
    this.#view = NO_VIEW
    this.#bytes = NO_WINDOW.bytes
    const { region } = this
    this.region = undefined
    this.end = this.start
    return region
  }
}
