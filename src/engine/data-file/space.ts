/**
 * How does a store's file grow, and where do the tables behind the array move?
 *
 *   SP1  blocks are allocated before a record is stored into them, so a full disk is an error and never a SIGBUS.
 *   SP2  tables are copied behind the new capacity, synced and named by the root before a record may be stored over the old ones.
 *   SP3  a growth that fails leaves capacity, tables and file unchanged.
 * Their fields in the root: root.ts. The content of the tables: deletion-bits.ts, checksums.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import { type Addressing, offsetOf, recordsMax } from '../format/addressing.ts'
import type { Root } from '../format/root.ts'
import { PAGE_BYTES } from '../format/store-format.ts'
import type { Checksums } from './checksums.ts'
import type { DeletionBits } from './deletion-bits.ts'
import type { SideTable } from './side-table.ts'

const EXTENT_BYTES_MIN = 256 * 1024
const EXTENT_BYTES_MAX = 64 * 1024 * 1024
const COPY_BYTES = 1024 * 1024

/** Whether room in the file has disk blocks before it is written: see the `allocate` option. */
export type Allocation = 'blocks' | 'sparse'

/** The capacity and the tables' places, as in the root. */
export type SpaceState = Pick<Root, 'capacity' | 'liveBitsOffset' | 'liveBitsBytes' | 'checksumsOffset'>

export interface SpaceParts {
  readonly file: PlatformFile
  readonly pool: WindowPool
  readonly addressing: Addressing
  readonly deletionBits: DeletionBits
  readonly checksums: Checksums
  readonly allocation: Allocation
  /** Makes the present capacity and places durable in a root. */
  readonly publish: () => void
  readonly state: SpaceState
}

export class Space {
  readonly #file: PlatformFile
  readonly #pool: WindowPool
  readonly #addressing: Addressing
  readonly #deletionBits: DeletionBits
  readonly #checksums: Checksums
  readonly #allocation: Allocation
  readonly #publish: () => void
  #capacity: number

  constructor(parts: SpaceParts) {
    this.#file = parts.file
    this.#pool = parts.pool
    this.#addressing = parts.addressing
    this.#deletionBits = parts.deletionBits
    this.#checksums = parts.checksums
    this.#allocation = parts.allocation
    this.#publish = parts.publish
    this.#capacity = parts.state.capacity
    this.#deletionBits.place(parts.state.liveBitsOffset)
    this.#checksums.place(parts.state.checksumsOffset)
    this.#pool.setEnd(this.end)
  }

  /** How many records the array has room for. */
  get capacity(): number {
    return this.#capacity
  }
  get state(): SpaceState {
    return {
      capacity: this.#capacity,
      liveBitsOffset: this.#deletionBits.offset,
      liveBitsBytes: this.#deletionBits.exists ? this.#deletionBits.bytesFor(this.#capacity) : 0,
      checksumsOffset: this.#checksums.offset,
    }
  }
  /** The size that the file must have, bytes. */
  get end(): number {
    return this.#endOf(this.#tables)
  }

  /** Makes room for records [0, count). @throws ERR_STRIDE_NO_SPACE, _LIMIT, _IO; nothing changed then */
  ensure(count: number): void {
    if (count > this.#capacity) this.#growTo(this.#nextCapacity(count))
  }

  /** Makes room for `count` records, not more, if the caller knows their number. */
  reserve(count: number): void {
    if (count <= this.#capacity) return
    this.#checkLimit(count)
    this.#growTo(this.#tables.length > 0 ? Math.max(count, this.#nextCapacity(count)) : count)
  }

  /** Makes the deletion bits if there are none, and names them in the root. @throws ERR_STRIDE_NO_SPACE, _IO */
  ensureLiveBits(): void {
    if (this.#deletionBits.exists) return
    const offset = roundToPage(this.end)
    this.#allocateZeros(offset, this.#deletionBits.bytesFor(this.#capacity))
    this.#publishPlaces(this.#capacity, new Map([[this.#deletionBits, offset]]))
  }

  /** The tables that the file has. */
  get #tables(): readonly SideTable[] {
    return [this.#deletionBits, this.#checksums].filter(table => table.exists)
  }

  #endOf(tables: readonly SideTable[]): number {
    const arrayEnd = offsetOf(this.#addressing, this.#capacity)
    return tables.reduce((end, table) => Math.max(end, table.offset + table.bytesFor(this.#capacity)), arrayEnd)
  }

  #growTo(capacity: number): void {
    const tables = this.#tables
    const oldEnd = this.end
    const arrayEnd = offsetOf(this.#addressing, capacity)
    if (tables.length === 0) {
      this.#allocate(oldEnd, arrayEnd - oldEnd)
      this.#capacity = capacity
      this.#pool.setEnd(this.end)
      return
    }
    const places = new Map<SideTable, number>()
    let offset = roundToPage(Math.max(arrayEnd, oldEnd))
    this.#allocate(oldEnd, offset - oldEnd)
    for (const table of tables) {
      this.#allocateZeros(offset, table.bytesFor(capacity))
      this.#copy(table.offset, offset, table.bytesFor(this.#capacity))
      places.set(table, offset)
      offset += table.bytesFor(capacity)
    }
    this.#publishPlaces(capacity, places)
  }

  /** Moves the tables and makes that durable in a root. If that fails, nothing has changed. */
  #publishPlaces(capacity: number, places: ReadonlyMap<SideTable, number>): void {
    const oldCapacity = this.#capacity
    const oldPlaces = [...places.keys()].map(table => [table, table.offset] as const)
    this.#capacity = capacity
    for (const [table, offset] of places) table.place(offset)
    this.#pool.setEnd(this.end)
    try {
      this.#publish()
    } catch (error) {
      this.#capacity = oldCapacity
      for (const [table, offset] of oldPlaces) table.place(offset)
      throw error
    }
  }

  /** Allocates blocks for a range at the end of the file. */
  #allocate(offset: number, length: number): void {
    if (this.#allocation === 'sparse') {
      if (this.#file.size() < offset + length) this.#file.resize(offset + length)
    } else {
      this.#file.allocate(offset, length)
    }
  }

  /** Allocates blocks that read as zero, overwriting bytes that a crash may have left. */
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

  #nextCapacity(count: number): number {
    this.#checkLimit(count)
    const { stride } = this.#addressing
    const used = count * stride
    const extent = Math.min(EXTENT_BYTES_MAX, Math.max(EXTENT_BYTES_MIN, used / 8))
    // With tables a growth costs syncs and copies, so the store grows by more.
    const tableBytes = this.#tables.reduce((sum, table) => sum + table.bytesFor(this.#capacity), 0)
    const growth = tableBytes > 0 ? Math.max(extent, used / 4, tableBytes * 2) : extent
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

function roundToPage(offset: number): number {
  return Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES
}
