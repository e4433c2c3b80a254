/**
 * What is one window of a pool? Its memory, the part of the file that it shows, and its tokens.
 *
 *   WS1  the view of a token becomes null before its bytes may change to another part of the file, and stays null.
 *   WS2  a token that was suspended at the end of a turn of the event loop is the same object afterwards.
 * Which part of the file a window shows, and which window is replaced: live-windows.ts.
 */

import type { Region } from '../platform.ts'
import { viewsOf } from './region-views.ts'
import { NO_WINDOW, ShownWindow } from './shown-window.ts'

const NO_VIEW = new DataView(new ArrayBuffer(0))

export class WindowSlot {
  /** Number of the window that is shown; -1 for none. */
  k = -1
  start = 0
  /** File offset behind the last byte shown. */
  end = 0
  region: Region | undefined
  token: ShownWindow = NO_WINDOW
  /** A token on the first part of the window, for a walk that asks for pages step by step. */
  aheadToken: ShownWindow = NO_WINDOW
  /** The part that a walk is reading, in file offsets; empty for none. */
  walkStart = 0
  walkEnd = 0
  /** The pool's clock at the last use. */
  stamp = 0
  pins = 0
  /** Its position in the list of slot-table.ts, and the next slot of its bucket. */
  tableAt = -1
  next: WindowSlot | undefined = undefined
  /** Its position among the slots whose tokens may be read in this turn; -1 for none. */
  activeAt = -1
  /** The epoch of its tokens; expire() begins a new epoch. */
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

  /** The token on the whole window: the suspended one, or a new one. */
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

  /** Suspends the tokens until the next acquire, which gets the whole window's token back. */
  suspend(): void {
    this.token.view = null
    this.aheadToken.view = null
    this.aheadToken = NO_WINDOW
  }

  /** Ends the tokens and shows nothing. @returns the region, for another use */
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
