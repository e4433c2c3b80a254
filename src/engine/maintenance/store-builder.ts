/**
 * How is a whole store file written from records in number order? For compact, backup and migrate.
 *
 * Records are written behind the header, then deletion bits if a record was deleted, then checksums if the store keeps them. The root
 * comes last.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import { DELETED_ENTRY, liveEntryOf, toLiveEntry } from '../data-file/checksums.ts'
import { offsetOf } from '../format/addressing.ts'
import { type Identity, writeIdentity } from '../format/identity.ts'
import { FIRST_ROOT, type Root } from '../format/root.ts'
import { CHECKSUM_BYTES, checksumTableBytes, deletionBitmapBytes } from '../format/side-table-sizes.ts'
import { PAGE_BYTES } from '../format/store-format.ts'
import { writeHeaderPages } from '../opening/store-file.ts'

const CHUNK_BYTES = 1024 * 1024

/** The fields of the root that do not follow from the records. */
export type BuiltState = Pick<Root, 'commitNumber' | 'deletedCount' | 'lineage' | 'definitions'>

export class StoreBuilder {
  readonly #file: PlatformFile
  readonly #identity: Identity
  readonly #chunk: Buffer
  #chunkStart = 0
  #size = 0
  /** A set bit is a deleted record. It has as many bytes as were needed so far. */
  #deletionBits = new Uint8Array(0)
  #deletedCount = 0
  /** One for each record. */
  #checksums: Uint32Array | undefined

  /** @param checksums whether the store keeps them */
  constructor(file: PlatformFile, identity: Identity, checksums: boolean) {
    this.#file = file
    this.#checksums = checksums ? new Uint32Array(1024) : undefined
    this.#identity = identity
    this.#chunk = Buffer.alloc(Math.max(1, Math.floor(CHUNK_BYTES / identity.recordSize)) * identity.recordSize)
    writeIdentity(file, identity)
  }

  /** How many records were added, deleted ones included. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds records, which get the next numbers.
   * @param checksumOf the checksum entry of the i-th record in its store, so that damage stays visible; computed if not given
   */
  addRecords(bytes: Uint8Array, checksumOf?: (i: number) => number): void {
    const { recordSize } = this.#identity
    const first = this.#size
    for (let at = 0; at < bytes.length; ) {
      const used = (this.#size - this.#chunkStart) * recordSize
      const part = Math.min(bytes.length - at, this.#chunk.length - used)
      this.#chunk.set(bytes.subarray(at, at + part), used)
      this.#size += part / recordSize
      at += part
      if (used + part === this.#chunk.length) this.#spill()
    }
    // Called after the copying, since reading the checksum table may slide the window that shows the records.
    this.#addChecksums(first, bytes, checksumOf)
  }

  /** Adds a deleted record, whose bytes are zero. */
  addDeleted(): void {
    this.#setDeleted(this.#size, true)
    this.addRecords(new Uint8Array(this.#identity.recordSize), () => DELETED_ENTRY)
  }

  /** Copies a record that was added before. */
  read(n: number, target: Buffer): void {
    const { recordSize } = this.#identity
    const at = (n - this.#chunkStart) * recordSize
    if (at >= 0) this.#chunk.copy(target, 0, at, at + recordSize)
    else this.#file.read(target, this.#offset(n))
  }

  /**
   * Puts another record in the place of one given before; undefined: it is deleted.
   * @param checksum the checksum entry in the store that the record comes from; else it is computed
   */
  replace(n: number, image: Uint8Array | undefined, checksum?: number): void {
    if (image === undefined) {
      this.#setDeleted(n, true)
      if (this.#checksums !== undefined) this.#checksums[n] = DELETED_ENTRY
      return
    }
    this.#setDeleted(n, false)
    if (this.#checksums !== undefined) {
      this.#checksums[n] = checksum === undefined ? liveEntryOf(image) : toLiveEntry(checksum)
    }
    if (n >= this.#chunkStart) this.#chunk.set(image, (n - this.#chunkStart) * this.#identity.recordSize)
    else this.#file.store(image, this.#offset(n))
  }

  /** Writes tables and roots. `deletedCount`: what the store says that the records come from. The caller syncs. */
  finish({ commitNumber, deletedCount, lineage, definitions }: BuiltState): void {
    this.#spill()
    const capacity = this.#size
    const end = this.#offset(capacity)
    if (this.#file.size() < end) this.#file.allocate(0, end)
    const tables = { ...this.#storeLiveBits(capacity), ...this.#storeChecksums(capacity) }
    writeHeaderPages(this.#file, {
      ...FIRST_ROOT,
      commitNumber,
      size: capacity,
      capacity,
      deletedCount,
      lineage,
      definitions,
      ...tables,
    })
  }

  #setDeleted(n: number, isDeleted: boolean): void {
    const at = Math.floor(n / 8)
    if (at >= this.#deletionBits.length) {
      if (!isDeleted) return
      const larger = new Uint8Array(Math.max(PAGE_BYTES, (at + 1) * 2))
      larger.set(this.#deletionBits)
      this.#deletionBits = larger
    }
    const byte = this.#deletionBits[at] as number
    const bit = 1 << (n & 7)
    if (((byte & bit) !== 0) === isDeleted) return
    this.#deletionBits[at] = byte ^ bit
    this.#deletedCount += isDeleted ? 1 : -1
  }

  #storeLiveBits(capacity: number): Partial<Root> {
    if (this.#deletedCount === 0) return {}
    const bits = new Uint8Array(deletionBitmapBytes(capacity))
    bits.set(this.#deletionBits.subarray(0, bits.length))
    return { liveBitsOffset: this.#storeBehind(bits), liveBitsBytes: bits.length }
  }

  #storeChecksums(capacity: number): Partial<Root> {
    if (this.#checksums === undefined) return {}
    const bytes = new Uint8Array(checksumTableBytes(capacity))
    const view = new DataView(bytes.buffer)
    for (let n = 0; n < capacity; n++) view.setUint32(n * CHECKSUM_BYTES, this.#checksums[n] as number, true)
    return { checksumsOffset: this.#storeBehind(bytes) }
  }

  /** Stores bytes at the end of the file, on a page of their own. @returns their offset */
  #storeBehind(bytes: Uint8Array): number {
    const offset = Math.ceil(this.#file.size() / PAGE_BYTES) * PAGE_BYTES
    this.#file.store(bytes, offset)
    return offset
  }

  #spill(): void {
    const bytes = this.#chunk.subarray(0, (this.#size - this.#chunkStart) * this.#identity.recordSize)
    if (bytes.length === 0) return
    const offset = this.#offset(this.#chunkStart)
    this.#file.allocate(offset, bytes.length)
    this.#file.store(bytes, offset)
    this.#chunkStart = this.#size
  }

  #addChecksums(first: number, records: Uint8Array, checksumOf?: (i: number) => number): void {
    if (this.#checksums === undefined) return
    const { recordSize } = this.#identity
    const count = records.length / recordSize
    if (this.#checksums.length < first + count) {
      const old = this.#checksums
      this.#checksums = new Uint32Array((first + count) * 2)
      this.#checksums.set(old)
    }
    for (let i = 0; i < count; i++) {
      const value = checksumOf?.(i) ?? liveEntryOf(records.subarray(i * recordSize, (i + 1) * recordSize))
      this.#checksums[first + i] = value
    }
  }

  #offset(n: number): number {
    return offsetOf({ ...this.#identity, stride: this.#identity.recordSize }, n)
  }
}
