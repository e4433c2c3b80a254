/**
 * Puts changes whose frames are synced into the file: images where the records lie, checksums and deletion bits behind them.
 */

import type { WindowPool } from '../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'

import { CHECKSUM_BYTES } from '../format/side-table-sizes.ts'
import { type Checksums, DELETED_ENTRY } from './checksums.ts'
import type { DeletionBits } from './deletion-bits.ts'
import type { DirtyRanges } from './dirty-ranges.ts'
import { StoreBatch } from './store-batch.ts'

/** Changes whose numbers rise, and where the image of each lies; no source where it is deleted. */
export interface PlacedChanges {
  readonly numbers: ArrayLike<number>
  readonly sourceOf: (i: number) => RecordBytes | undefined
  readonly positionOf: (i: number) => number
}

/** What changes go into. */
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

  /** `storesEqual`: bits are stored even where they look equal, as images are: what is read may not be on the disk. */
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

  /** Stores changes whose numbers rise. */
  apply(changes: PlacedChanges): void {
    const deleted = this.#storeImages(changes)
    if (this.#checksums.exists) this.#storeChecksums(changes)
    if (this.#deletionBits.exists) this.#storeBits(changes.numbers, deleted)
  }

  /** @returns which of the changes are deletions */
  #storeImages({ numbers, sourceOf, positionOf }: PlacedChanges): Uint8Array {
    const { recordSize } = this.#addressing
    const deleted = new Uint8Array(numbers.length)
    for (let i = 0; i < numbers.length; i++) {
      const source = sourceOf(i)
      if (source === undefined) deleted[i] = 1
      else this.#batch.add(source, positionOf(i), recordSize, offsetOf(this.#addressing, numbers[i] as number))
    }
    this.#batch.flush()
    return deleted
  }

  #storeChecksums({ numbers, sourceOf, positionOf }: PlacedChanges): void {
    const { recordSize } = this.#addressing
    const bytes = Buffer.alloc(CHECKSUM_BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let i = 0; i < numbers.length; i++) {
      const source = sourceOf(i)
      const at = source === undefined ? 0 : positionOf(i)
      const entry =
        source === undefined
          ? DELETED_ENTRY
          : this.#checksums.entryOf(source.bytes.subarray(at, at + recordSize))
      bytes.writeUInt32LE(entry)
      this.#batch.add({ view, bytes }, 0, bytes.length, this.#checksums.offsetOf(numbers[i] as number))
    }
    this.#batch.flush()
  }

  #storeBits(numbers: ArrayLike<number>, deleted: Uint8Array): void {
    const bytes = Buffer.alloc(1)
    const piece = { view: new DataView(bytes.buffer, bytes.byteOffset, 1), bytes }
    for (let i = 0; i < numbers.length; ) {
      const byteIndex = Math.floor((numbers[i] as number) / 8)
      const before = this.#deletionBits.byteAt(byteIndex)
      let byte = before
      for (; i < numbers.length && Math.floor((numbers[i] as number) / 8) === byteIndex; i++) {
        const bit = 1 << ((numbers[i] as number) & 7)
        byte = deleted[i] === 1 ? byte | bit : byte & ~bit
      }
      if (byte === before && !this.#storesEqual) continue
      bytes[0] = byte
      this.#batch.add(piece, 0, 1, this.#deletionBits.offset + byteIndex)
    }
    this.#batch.flush()
  }
}
