/**
 * Puts changes whose frames are synced into the file: images where the records lie, live bits behind them.
 */

import type { WindowPool } from '../mmap/window.ts'
import { type Addressing, offsetOf } from './addressing.ts'
import type { DirtyRanges } from './dirty-ranges.ts'
import type { Liveness } from './liveness.ts'
import { StoreBatch } from './store-batch.ts'

export class Applier {
  readonly #addressing: Addressing
  readonly #liveness: Liveness
  readonly #batch: StoreBatch

  constructor(addressing: Addressing, pool: WindowPool, liveness: Liveness, dirty: DirtyRanges) {
    this.#addressing = addressing
    this.#liveness = liveness
    this.#batch = new StoreBatch(pool, dirty)
  }

  /** Stores the changes of a commit, whose numbers rise. */
  apply(numbers: ArrayLike<number>, imageOf: (index: number) => Uint8Array | undefined): void {
    const deleted = this.#storeImages(numbers, imageOf)
    if (this.#liveness.exists) this.#storeBits(numbers, deleted)
  }

  /** @returns which of the changes are deletions */
  #storeImages(numbers: ArrayLike<number>, imageOf: (index: number) => Uint8Array | undefined): Uint8Array {
    const deleted = new Uint8Array(numbers.length)
    for (let i = 0; i < numbers.length; i++) {
      const image = imageOf(i)
      if (image === undefined) deleted[i] = 1
      else this.#batch.add(image, offsetOf(this.#addressing, numbers[i] as number))
    }
    this.#batch.flush()
    return deleted
  }

  #storeBits(numbers: ArrayLike<number>, deleted: Uint8Array): void {
    const piece = new Uint8Array(1)
    for (let i = 0; i < numbers.length; ) {
      const byteIndex = Math.floor((numbers[i] as number) / 8)
      const before = this.#liveness.byteAt(byteIndex)
      let byte = before
      for (; i < numbers.length && Math.floor((numbers[i] as number) / 8) === byteIndex; i++) {
        const bit = 1 << ((numbers[i] as number) & 7)
        byte = deleted[i] === 1 ? byte | bit : byte & ~bit
      }
      if (byte === before) continue
      piece[0] = byte
      this.#batch.add(piece, this.#liveness.offset + byteIndex)
    }
    this.#batch.flush()
  }
}
