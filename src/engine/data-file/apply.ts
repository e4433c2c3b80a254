/**
 * How are changes stored in the data file, once their frames are synced? Bytes of records, then checksums and deletion bits.
 */

import type { WindowPool } from '../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'

import { CHECKSUM_BYTES } from '../format/side-table-sizes.ts'
import { type Checksums, DELETED_ENTRY } from './checksums.ts'
import type { DeletionBits } from './deletion-bits.ts'
import type { DirtyRanges } from './dirty-ranges.ts'
import { StoreBatch } from './store-batch.ts'

/** Takes `length` bytes at `at` in the source, for byte `start` of the record. They may not change until all are stored. */
export type PutPiece = (source: RecordBytes, at: number, length: number, start: number) => void

/** Changes in ascending order of their numbers. */
export interface AppliedChanges {
  readonly numbers: ArrayLike<number>
  isDeleted(i: number): boolean
  /** Gives the bytes of record i that change, or more of them, in ascending order; none if it is deleted. */
  eachPiece(i: number, put: PutPiece): void
  /** The checksum entry of record i, which is not deleted. */
  checksumOf(i: number, entryOf: (record: Uint8Array) => number): number
}

/** The parts of a store that changes are stored in. */
export interface Applicable {
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly deletionBits: DeletionBits
  readonly checksums: Checksums
}

export class Applier {
  readonly #addressing: Addressing
  readonly #deletionBits: DeletionBits
  readonly #checksums: Checksums
  readonly #batch: StoreBatch
  readonly #storesEqual: boolean

  /** `storesEqual`: deletion bits are stored even if they read as equal, as images are. A cached page may not be on the disk. */
  constructor(
    { addressing, pool, deletionBits, checksums }: Applicable,
    dirty: DirtyRanges,
    storesEqual = false,
  ) {
    this.#storesEqual = storesEqual
    this.#addressing = addressing
    this.#deletionBits = deletionBits
    this.#checksums = checksums
    this.#batch = new StoreBatch(pool, dirty)
  }

  /** Stores changes, in ascending order of their numbers. */
  apply(changes: AppliedChanges): void {
    const deleted = this.#storeRecords(changes)
    if (this.#checksums.exists) this.#storeChecksums(changes, deleted)
    if (this.#deletionBits.exists) this.#storeBits(changes.numbers, deleted)
  }

  /** @returns which of the changes are deletions */
  #storeRecords(changes: AppliedChanges): Uint8Array {
    const { numbers } = changes
    const deleted = new Uint8Array(numbers.length)
    const batch = this.#batch
    let offset = 0
    const put: PutPiece = (source, at, length, start) => batch.add(source, at, length, offset + start)
    for (let i = 0; i < numbers.length; i++) {
      offset = offsetOf(this.#addressing, numbers[i] as number)
      if (changes.isDeleted(i)) deleted[i] = 1
      else changes.eachPiece(i, put)
    }
    batch.flush()
    return deleted
  }

  #storeChecksums(changes: AppliedChanges, deleted: Uint8Array): void {
    const { numbers } = changes
    const checksums = this.#checksums
    const bytes = Buffer.alloc(CHECKSUM_BYTES * numbers.length)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const entries = { view, bytes }
    const entryOf = (record: Uint8Array): number => checksums.entryOf(record)
    for (let i = 0; i < numbers.length; i++) {
      const at = i * CHECKSUM_BYTES
      view.setUint32(at, deleted[i] === 1 ? DELETED_ENTRY : changes.checksumOf(i, entryOf), true)
      this.#batch.add(entries, at, CHECKSUM_BYTES, checksums.offsetOf(numbers[i] as number))
    }
    this.#batch.flush()
  }

  #storeBits(numbers: ArrayLike<number>, deleted: Uint8Array): void {
    const bytes = Buffer.alloc(numbers.length)
    const source = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
    let count = 0
    for (let i = 0; i < numbers.length; ) {
      const byteIndex = Math.floor((numbers[i] as number) / 8)
      const before = this.#deletionBits.byteAt(byteIndex)
      let byte = before
      for (; i < numbers.length && Math.floor((numbers[i] as number) / 8) === byteIndex; i++) {
        const bit = 1 << ((numbers[i] as number) & 7)
        byte = deleted[i] === 1 ? byte | bit : byte & ~bit
      }
      if (byte === before && !this.#storesEqual) continue
      bytes[count] = byte
      this.#batch.add(source, count++, 1, this.#deletionBits.offset + byteIndex)
    }
    this.#batch.flush()
  }
}
