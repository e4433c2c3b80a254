/**
 * Lookups where no window is shown: read by position, until they have earned a window.
 *
 * Showing a window costs 10 us and, where it needs a new address range, collections of the whole heap, since V8 counts
 * all its bytes as external memory: 1 to 8 ms for each GiB even in a small heap. That pays for records that are looked up
 * again and again, not for a few.
 *   LL1  a window is earned by as many reads from memory as cost what showing it costs: 16, and 8 for each MiB that it
 *       shows. So no program pays more than about twice what the better way costs. Reads are counted and not timed: how
 *       long one takes also says how busy the machine is, and one that waits for the disk makes the window's price small.
 *   LL2  what is handed out is a copy, read again at each acquire; it ends when another one takes its place, when
 *       bytes are stored over it, at expire() and with the turn of the event loop.
 * What a window shows once it is earned: live-windows.ts.
 */

import type { PlatformFile } from '../platform.ts'
import { truncatedError } from '../system-errors.ts'
import { ShownWindow } from './shown-window.ts'

const COPIES = 8
const READS_MIN = 16
const BYTES_A_READ = 128 * 1024
/** More than there are ever windows at once, so that all of them can be earned; made with the first lookup. */
const PLACES = 16_384
/** Longer items are a walk. */
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
  /** By the low bits of a window's number: whose reads are counted (its number and 1), and how many there were. */
  #owners = new Float64Array(0)
  #reads = new Uint32Array(0)

  constructor(file: PlatformFile) {
    this.#file = file
  }

  /** Whether window k, which shows so many bytes, has earned to be shown; its count begins at zero then. */
  hasEarned(k: number, length: number): boolean {
    const place = k % PLACES
    const needed = READS_MIN + Math.floor(length / BYTES_A_READ)
    if (this.#owners[place] !== k + 1 || (this.#reads[place] as number) < needed) return false
    this.#reads[place] = 0
    return true
  }

  /** A copy of [offset, offset + length), in window k. @throws ERR_STRIDE_TRUNCATED, _IO */
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

  /** Bytes of the file were stored over. */
  stored(offset: number, end: number): void {
    for (const copy of this.#copies) {
      if (copy.token !== undefined && copy.token.start < end && offset < copy.token.end) copy.end()
    }
  }

  /** Every copy's view is null for ever. */
  end(): void {
    for (const copy of this.#copies) copy.end()
  }
}
