/**
 * A table behind the record array, one entry a record: deletion bits, checksums.
 *
 * Tables lie behind the capacity, at offsets in the root, and move behind the new one when the store grows (space.ts). Lookups
 * read them where they lie, through windows.
 *   TB1  a walk reads a page of a table into memory at a time: where few windows may be shown, those of the records and of the
 *        tables would otherwise take each other's place at each step.
 *   TB2  such a copy is used until `expire`, which whoever stores into a table, or follows another process, calls.
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import { PAGE_BYTES } from '../format/store-format.ts'

const NOWHERE: Window = { view: null, bytes: Buffer.alloc(0), start: 0, end: 0 }

export abstract class SideTable {
  readonly #pool: WindowPool
  #offset = 0
  #window: Window = NOWHERE
  #copy = Buffer.alloc(0)
  /** Which bytes of the table the copy holds. */
  protected copiedFrom = 0
  protected copiedEnd = 0

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
    this.expire()
  }

  /** The table may hold something else than before. */
  expire(): void {
    this.copiedFrom = this.copiedEnd = 0
  }

  /**
   * A copy of `length` bytes of the table from `at` on, at most a page, for a walk that goes on to `end`.
   * @returns the bytes of the table from `copiedFrom` to `copiedEnd`
   */
  protected copied(at: number, length: number, end: number): Buffer {
    if (at < this.copiedFrom || at + length > this.copiedEnd) {
      this.#read(at, Math.max(length, Math.min(end - at, PAGE_BYTES)))
    }
    return this.#copy
  }

  #read(at: number, length: number): void {
    const offset = this.#offset + at
    const { bytes, start } = this.#pool.acquire(offset, length)
    if (this.#copy.length === 0) this.#copy = Buffer.alloc(PAGE_BYTES)
    bytes.copy(this.#copy, 0, offset - start, offset - start + length)
    this.copiedFrom = at
    this.copiedEnd = at + length
  }

  /** The window that shows `length` bytes of the table from `at`. Good until the next call. */
  protected windowAt(at: number, length: number): Window {
    const offset = this.#offset + at
    let window = this.#window
    if (window.view === null || offset < window.start || offset + length > window.end) {
      window = this.#pool.acquire(offset, length)
      this.#window = window
    }
    return window
  }
}
