/**
 * Stores appended records behind the committed end, where no count, live bit or index reaches them (D4).
 */

import { offsetOf } from './addressing.ts'
import { checksumsOf } from './checksums.ts'
import type { DirtyRanges } from './dirty-ranges.ts'
import type { Locator } from './locator.ts'

export class TailStore {
  readonly #locator: Locator
  readonly #dirty: DirtyRanges

  constructor(locator: Locator, dirty: DirtyRanges) {
    this.#locator = locator
    this.#dirty = dirty
  }

  /** Stores the staged tail, which stays as it is. @throws ERR_STRIDE_NO_SPACE, _IO */
  store(): void {
    const { staging, addressing, checksums } = this.#locator
    if (staging.tailCount === 0) return
    const tail = staging.tail.bytes.subarray(0, staging.tailCount * staging.recordSize)
    this.#put(tail, offsetOf(addressing, staging.tailStart))
    if (checksums.exists) {
      this.#put(checksumsOf(tail, staging.recordSize), checksums.offsetOf(staging.tailStart))
    }
  }

  #put(bytes: Uint8Array, offset: number): void {
    this.#dirty.add(offset, bytes.length)
    this.#locator.pool.store(bytes, offset)
  }
}
