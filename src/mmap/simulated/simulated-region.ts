/**
 * How does a region show a file in memory? Later stores reach its buffer, as they reach a mapping.
 *
 * It has bytes of its own and is notified of each store. Past the end of the file, where a touch of a mapping would raise SIGBUS, it shows
 * zeros, and populate() throws ERR_STRIDE_TRUNCATED as on disk.
 */

import { InvariantError } from '../../errors.ts'
import { roundUp } from '../bounds.ts'
import { detach } from '../detach.ts'
import type { Region } from '../platform.ts'
import { closedError, truncatedError } from '../system-errors.ts'
import type { ContentWatcher, SimulatedContent } from './simulated-disk.ts'

const PAGE_BYTES = 4096

export class SimulatedRegion implements Region, ContentWatcher {
  readonly live = true
  readonly capacity: number
  readonly pageBytes = PAGE_BYTES
  readonly #path: string
  readonly #content: SimulatedContent
  #bytes: Uint8Array<ArrayBuffer>
  #offset = 0
  #length = 0
  #released = false

  constructor(path: string, content: SimulatedContent, capacity: number) {
    this.#path = path
    this.#content = content
    this.capacity = roundUp(capacity, PAGE_BYTES)
    this.#bytes = new Uint8Array(this.capacity)
  }

  get buffer(): ArrayBuffer {
    return this.#bytes.buffer
  }

  point(offset: number, length: number): void {
    this.#assertOpen()
    if (offset % PAGE_BYTES !== 0 || length > this.capacity) {
      throw new InvariantError(`A region of ${this.capacity} bytes cannot show ${length} bytes from ${offset}`)
    }
    const before = this.#length
    // A region that grows in place only reads the new part.
    const kept = offset === this.#offset ? Math.min(before, length) : 0
    this.#offset = offset
    this.#length = length
    this.#content.watchers.add(this)
    this.#read(kept)
    if (before > length) this.#bytes.fill(0, length, before)
  }

  stored(bytes: Uint8Array, offset: number): void {
    const from = Math.max(offset, this.#offset)
    const to = Math.min(offset + bytes.byteLength, this.#offset + this.#length)
    if (from < to) this.#bytes.set(bytes.subarray(from - offset, to - offset), from - this.#offset)
  }

  resized(size: number): void {
    const from = Math.max(0, size - this.#offset)
    if (from < this.#length) this.#bytes.fill(0, from, this.#length)
  }

  advise(): void {}

  populate(at: number, length: number): void {
    this.#assertOpen()
    const needed = this.#offset + at + length
    if (this.#content.size < needed) throw truncatedError(this.#path, needed, this.#content.size)
  }

  async populateAsync(at: number, length: number): Promise<void> {
    this.populate(at, length)
  }

  residentPages(at: number, length: number): number {
    return Math.ceil((at + length) / PAGE_BYTES) - Math.floor(at / PAGE_BYTES)
  }

  clear(): void {
    this.#assertOpen()
    this.#bytes.fill(0, 0, this.#length)
    this.#length = 0
    this.#content.watchers.delete(this)
  }

  release(): void {
    if (this.#released) return
    this.#bytes.fill(0, 0, this.#length)
    this.#length = 0
    this.#released = true
    this.#content.watchers.delete(this)
    // Old views throw, or read zeros if the runtime cannot detach, like those of a mapping.
    detach(this.buffer)
    this.#bytes = new Uint8Array(0)
  }

  #read(from: number): void {
    const target = this.#bytes.subarray(from, this.#length)
    const count = this.#content.read(target, this.#offset + from)
    target.fill(0, count)
  }

  #assertOpen(): void {
    if (this.#released) throw closedError(this.#path)
  }
}
