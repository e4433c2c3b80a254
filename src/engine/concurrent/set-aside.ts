/**
 * What the store itself has staged, kept aside while a transaction commits, and staged again afterwards.
 *
 *   SI1  whatever happens in between, the store's own changes are staged afterwards as they were before.
 */

import { StrideError } from '../../errors.ts'
import type { StoreWriter } from '../commit/store-writer.ts'
import { HeapBytes } from '../records/heap-bytes.ts'
import type { Staging } from '../records/staging.ts'

export class SetAside {
  readonly #staging: Staging
  readonly #images: ReadonlyMap<number, HeapBytes | undefined>
  readonly #size: number

  private constructor(staging: Staging, images: ReadonlyMap<number, HeapBytes | undefined>) {
    this.#staging = staging
    this.#images = images
    this.#size = staging.size
  }

  /** Copies what is staged; nothing is changed. @throws ERR_STRIDE_TRANSACTION where a bulk load goes on */
  static copy(staging: Staging, path: string): SetAside {
    const { baseSize, size, tailStart, recordSize } = staging
    if (tailStart > baseSize) {
      const message = `${tailStart - baseSize} appended records are staged in ${path} itself: commit or roll back, then commit the transaction`
      throw new StrideError('ERR_STRIDE_TRANSACTION', message, { path })
    }
    const images = new Map<number, HeapBytes | undefined>()
    for (let n = baseSize; n < size; n++) {
      const at = (n - baseSize) * recordSize
      images.set(n, copyOf(staging.tail.bytes.subarray(at, at + recordSize)))
    }
    const { numbers, slots } = staging.stagedChanges()
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i] as number
      const image = staging.imageOf(slots[i] as number)
      // Appended and deleted: nobody else sees that.
      if (image === undefined && n >= baseSize) images.delete(n)
      else images.set(n, image === undefined ? undefined : copyOf(image))
    }
    return new SetAside(staging, images)
  }

  has(n: number): boolean {
    return this.#images.has(n)
  }

  /** Stages it again; nothing else is staged. */
  stageAgain(writer: StoreWriter): void {
    const numbers = Array.from(this.#images.keys()).sort((a, b) => a - b)
    this.#staging.stageAgain(() => {
      for (const n of numbers) writer.place(n, this.#images.get(n))
      writer.fillTo(this.#size)
    })
  }
}

function copyOf(bytes: Buffer): HeapBytes {
  return new HeapBytes(Buffer.from(bytes))
}
