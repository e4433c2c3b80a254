/**
 * Room for records: how a store's file grows, and where its live bits go then.
 *
 *   H1  blocks are allocated before a record is stored into them, so a full disk is an error and never a SIGBUS.
 *   H2  where live bits exist, a copy is written behind the new capacity, synced and named by the root before
 *       any record may be stored over the old ones.
 *   H3  a growth that fails leaves capacity, bits and file as they were.
 * What the root says of it: root.ts. Reading and setting single bits: liveness.ts.
 */

import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import type { WindowPool } from '../mmap/window.ts'
import { type Addressing, offsetOf, recordsMax } from './addressing.ts'
import { PAGE_BYTES } from './format.ts'
import type { Liveness } from './liveness.ts'

const EXTENT_BYTES_MIN = 256 * 1024
const EXTENT_BYTES_MAX = 64 * 1024 * 1024
const COPY_BYTES = 1024 * 1024

export type Allocation = 'blocks' | 'sparse'

export interface SpaceState {
  readonly capacity: number
  readonly liveBitsOffset: number
  readonly liveBitsBytes: number
}

export class Space {
  readonly #file: PlatformFile
  readonly #pool: WindowPool
  readonly #addressing: Addressing
  readonly #liveness: Liveness
  readonly #allocation: Allocation
  /** Makes the present capacity and bits durable in a root, before this returns. */
  readonly #publish: () => void
  #capacity: number
  #liveBitsBytes: number

  constructor(
    file: PlatformFile,
    pool: WindowPool,
    addressing: Addressing,
    liveness: Liveness,
    options: { readonly allocation: Allocation; readonly publish: () => void; readonly state: SpaceState },
  ) {
    this.#file = file
    this.#pool = pool
    this.#addressing = addressing
    this.#liveness = liveness
    this.#allocation = options.allocation
    this.#publish = options.publish
    this.#capacity = options.state.capacity
    this.#liveBitsBytes = options.state.liveBitsBytes
    liveness.place(options.state.liveBitsOffset)
    pool.setEnd(this.end)
  }

  /** Records that the array has room for. */
  get capacity(): number {
    return this.#capacity
  }
  get state(): SpaceState {
    return {
      capacity: this.#capacity,
      liveBitsOffset: this.#liveness.offset,
      liveBitsBytes: this.#liveBitsBytes,
    }
  }
  /** Where the file must reach, bytes. */
  get end(): number {
    const arrayEnd = offsetOf(this.#addressing, this.#capacity)
    return this.#liveness.exists ? Math.max(arrayEnd, this.#liveness.offset + this.#liveBitsBytes) : arrayEnd
  }

  /** Makes room for records [0, count). @throws ERR_STRIDE_NO_SPACE, _LIMIT, _IO; nothing changed then */
  ensure(count: number): void {
    if (count > this.#capacity) this.#growTo(this.#nextCapacity(count))
  }

  /** Makes room for exactly `count` records at least, where the caller knows how many will come. */
  reserve(count: number): void {
    if (count <= this.#capacity) return
    this.#checkLimit(count)
    this.#growTo(this.#liveness.exists ? Math.max(count, this.#nextCapacity(count)) : count)
  }

  /** Makes live bits where there are none yet, and names them in the root. @throws ERR_STRIDE_NO_SPACE, _IO */
  ensureLiveBits(): void {
    if (this.#liveness.exists) return
    const offset = this.#bitsOffsetFor(this.#capacity)
    const bytes = Math.max(PAGE_BYTES, Math.ceil(this.#capacity / 8))
    this.#allocateZeros(offset, bytes)
    this.#publishPlace(this.#capacity, offset, bytes)
  }

  #growTo(capacity: number): void {
    const oldEnd = this.end
    if (!this.#liveness.exists) {
      this.#allocate(oldEnd, offsetOf(this.#addressing, capacity) - oldEnd)
      this.#capacity = capacity
      this.#pool.setEnd(this.end)
      return
    }
    const from = this.#liveness.offset
    const oldBytes = this.#liveBitsBytes
    const offset = this.#bitsOffsetFor(
      Math.max(capacity, Math.ceil(recordsUpTo(this.#addressing, from + oldBytes))),
    )
    const bytes = Math.max(PAGE_BYTES, Math.ceil(capacity / 8))
    this.#allocate(oldEnd, offset - oldEnd)
    this.#allocateZeros(offset, bytes)
    this.#copy(from, offset, oldBytes)
    this.#publishPlace(capacity, offset, bytes)
  }

  /** The bits lie there from now on, and a durable root says so; where that fails all is as before. */
  #publishPlace(capacity: number, offset: number, bytes: number): void {
    const old = this.state
    this.#capacity = capacity
    this.#liveBitsBytes = bytes
    this.#liveness.place(offset)
    this.#pool.setEnd(this.end)
    try {
      this.#publish()
    } catch (error) {
      this.#capacity = old.capacity
      this.#liveBitsBytes = old.liveBitsBytes
      this.#liveness.place(old.liveBitsOffset)
      throw error
    }
  }

  /** Blocks for a range at the end of the file. */
  #allocate(offset: number, length: number): void {
    if (this.#allocation === 'sparse') {
      if (this.#file.size() < offset + length) this.#file.resize(offset + length)
    } else {
      this.#file.allocate(offset, length)
    }
  }

  /** Blocks that read as zero; what a crash may have left there is overwritten. */
  #allocateZeros(offset: number, length: number): void {
    const leftover = Math.min(this.#file.size(), offset + length) - offset
    this.#allocate(offset, length)
    const zeros = new Uint8Array(Math.max(0, Math.min(leftover, COPY_BYTES)))
    for (let done = 0; done < leftover; done += zeros.length) {
      this.#pool.store(zeros.subarray(0, Math.min(zeros.length, leftover - done)), offset + done)
    }
  }

  #copy(from: number, to: number, length: number): void {
    const bytes = new Uint8Array(Math.min(length, COPY_BYTES))
    for (let done = 0; done < length; done += bytes.length) {
      const part = bytes.subarray(0, Math.min(bytes.length, length - done))
      this.#file.read(part, from + done)
      this.#file.store(part, to + done)
    }
  }

  #bitsOffsetFor(capacity: number): number {
    return Math.ceil(offsetOf(this.#addressing, capacity) / PAGE_BYTES) * PAGE_BYTES
  }

  #nextCapacity(count: number): number {
    this.#checkLimit(count)
    const { stride } = this.#addressing
    const used = count * stride
    const extent = Math.min(EXTENT_BYTES_MAX, Math.max(EXTENT_BYTES_MIN, used / 8))
    // With live bits each growth costs a sync and a copy of them, so it is larger.
    const growth = this.#liveness.exists ? Math.max(extent, used / 4, this.#liveBitsBytes * 2) : extent
    const end = Math.ceil((offsetOf(this.#addressing, count) + growth) / PAGE_BYTES) * PAGE_BYTES
    return Math.min(recordsMax(this.#addressing), Math.floor((end - this.#addressing.dataOffset) / stride))
  }

  #checkLimit(count: number): void {
    const max = recordsMax(this.#addressing)
    if (count > max) {
      throw new StrideError('ERR_STRIDE_LIMIT', `A store of this layout holds at most ${max} records: ${count}`)
    }
  }
}

/** How many records would reach this file offset. */
function recordsUpTo(addressing: Addressing, offset: number): number {
  return (offset - addressing.dataOffset) / addressing.stride
}
