/**
 * How is a table behind the record array read? Deletion bits and checksums have one entry for each record.
 *
 * Tables lie behind the capacity, at offsets in the root, and move behind the new capacity when the store grows (space.ts). Lookups read
 * them in place, through windows.
 *   TB1  a walk copies a page of a table at a time. If few windows may be shown, those of the records and of the tables would otherwise
 *        replace each other at each step.
 *   TB2  such a copy is used until `expire`, which is called after a store into a table, and when a reader moves to another commit.
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import { PAGE_BYTES } from '../format/store-format.ts'

const NOWHERE: Window = { view: null, bytes: Buffer.alloc(0), start: 0, end: 0 }

export abstract class SideTable {
  readonly #pool: WindowPool
  #offset = 0
  #window: Window = NOWHERE
  #copy = Buffer.alloc(0)
  /** The bytes of the table in the copy: from here to copiedEnd. */
  protected copiedFrom = 0
  protected copiedEnd = 0

  constructor(pool: WindowPool) {
    this.#pool = pool
  }

  /** Bytes of a table for so many records, at least a page. */
  abstract bytesFor(capacity: number): number

  /** Whether this file has the table. */
  get exists(): boolean {
    return this.#offset !== 0
  }
  /** Its file offset, 0 if there is none. */
  get offset(): number {
    return this.#offset
  }

  /** Sets the table's file offset; 0: there is none. */
  place(offset: number): void {
    this.#offset = offset
    this.#window = NOWHERE
    this.expire()
  }

  /** Drops the copy, since the table may have changed. */
  expire(): void {
    this.copiedFrom = this.copiedEnd = 0
  }

  /**
   * Copies `length` bytes of the table from `at` on, at most a page, for a walk up to `end`.
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

  /** The window that shows `length` bytes of the table from `at` on. Valid until the next call. */
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
