/**
 * When is a window worth mapping for single lookups? Until then they read by position.
 *
 * Showing a window costs 10 us. With a new address range it also costs garbage collections of the whole heap, since V8 counts all its
 * bytes as external memory: 1 to 8 ms for each GiB, even in a small heap. That pays for records that are looked up again and again.
 *   LL1  a window is shown once as many reads were made as cost the same: 16, and 8 for each MiB of the window. So no program pays more
 *        than about twice the cost of the better way. Reads are counted, not timed: their time also depends on the load of the machine,
 *        and a read that waits for the disk costs more than any window.
 *   LL2  a lookup gets a copy, which is read again at each acquire. The copy ends when another one takes its place, when bytes are
 *        stored over it, at expire(), and at the end of the turn of the event loop.
 * Windows that are shown: live-windows.ts.
 */

import type { PlatformFile } from '../platform.ts'
import { truncatedError } from '../system-errors.ts'
import { ShownWindow } from './shown-window.ts'

const COPIES = 8
const READS_MIN = 16
const BYTES_A_READ = 128 * 1024
/** More than the largest number of windows, so that each can be counted. Allocated by the first lookup. */
const PLACES = 16_384
/** A longer item counts as a walk. */
export const LOOKUP_BYTES_MAX = 64 * 1024

class Copy {
  token: ShownWindow | undefined
  #memory = Buffer.alloc(0)
  #view = new DataView(new ArrayBuffer(0))
  #bytes: Buffer = this.#memory

  read(file: PlatformFile, offset: number, length: number): ShownWindow {
    this.end()
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)))
    if (this.#bytes.length !== length || this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = this.#memory.subarray(0, length)
      this.#view = new DataView(this.#memory.buffer, 0, length)
    }
    const count = file.read(this.#bytes, offset)
    if (count < length) throw truncatedError(file.path, offset + length, offset + count)
    this.token = new ShownWindow(this.#view, this.#bytes, offset, offset + length, undefined, true)
    return this.token
  }

  end(): void {
    if (this.token !== undefined) this.token.view = null
    this.token = undefined
  }
}

export class LoneLookups {
  readonly #file: PlatformFile
  readonly #copies = Array.from({ length: COPIES }, () => new Copy())
  #next = 0
  /** By the low bits of a window's number: the window whose reads are counted (its number plus 1), and their count. */
  #owners = new Float64Array(0)
  #reads = new Uint32Array(0)

  constructor(file: PlatformFile) {
    this.#file = file
  }

  /** Counts a read. @returns whether window k of this length pays now; its count then begins at zero */
  hasEarned(k: number, length: number): boolean {
    const place = k % PLACES
    const needed = READS_MIN + Math.floor(length / BYTES_A_READ)
    if (this.#owners[place] !== k + 1 || (this.#reads[place] as number) < needed) return false
    this.#reads[place] = 0
    return true
  }

  /** Reads a copy of [offset, offset + length), in window k. @throws ERR_STRIDE_TRUNCATED, _IO */
  read(k: number, offset: number, length: number): ShownWindow {
    if (this.#owners.length === 0) {
      this.#owners = new Float64Array(PLACES)
      this.#reads = new Uint32Array(PLACES)
    }
    const copy = this.#copies[this.#next] as Copy
    this.#next = (this.#next + 1) % COPIES
    const token = copy.read(this.#file, offset, length)
    const place = k % PLACES
    if (this.#owners[place] !== k + 1) {
      this.#owners[place] = k + 1
      this.#reads[place] = 0
    }
    ;(this.#reads[place] as number)++
    return token
  }

  /** Called after a store to [offset, end) of the file. */
  stored(offset: number, end: number): void {
    for (const copy of this.#copies) {
      if (copy.token !== undefined && copy.token.start < end && offset < copy.token.end) copy.end()
    }
  }

  /** Makes the view of every copy null for ever. */
  end(): void {
    for (const copy of this.#copies) copy.end()
  }
}
