/**
 * A table behind the record array, one entry a record: live bits, checksums.
 *
 * Tables lie behind the capacity, at offsets in the root, and move behind the new one when the store grows (space.ts). They
 * are read where they lie, through windows.
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'

const NOWHERE: Window = { view: null, bytes: Buffer.alloc(0), start: 0, end: 0 }

export abstract class SideTable {
  readonly #pool: WindowPool
  #offset = 0
  #window: Window = NOWHERE

  constructor(pool: WindowPool) {
    this.#pool = pool
  }

  /** Bytes of a table for that many records, at least a page. */
  abstract bytesFor(capacity: number): number

  /** Whether there is such a table in this file. */
  get exists(): boolean {
    return this.#offset !== 0
  }
  /** File offset, 0 where there is none. */
  get offset(): number {
    return this.#offset
  }

  /** Says where the table lies from now on; 0: nowhere. */
  place(offset: number): void {
    this.#offset = offset
    this.#window = NOWHERE
  }

  /** The window that shows `length` bytes of the table from `at`, and as a walk goes, more. Good until the next call. */
  protected windowAt(at: number, length: number, ahead?: number): Window {
    const offset = this.#offset + at
    let window = this.#window
    if (window.view === null || offset < window.start || offset + length > window.end) {
      window = this.#pool.acquire(offset, length, ahead)
      this.#window = window
    }
    return window
  }
}
