/**
 * Keeps the store's own staged changes while a transaction commits: they are copied, dropped, and staged again afterwards.
 *
 *   SI1  afterwards the store's own changes are staged as before. Staging them again reads nothing from the file and needs no room in it,
 *        so it cannot fail.
 * A failed store or sync drops them, like all staged changes.
 */

import { StrideError } from '../../errors.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import type { StoreWriter } from '../commit/store-writer.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Locator } from '../staging/locator.ts'
import type { Staging } from '../staging/staging.ts'

interface Change {
  /** Undefined for a deletion. */
  readonly image: HeapBytes | undefined
  /** The record without the change; undefined if there is none. No commit in between may change it. */
  readonly old: HeapBytes | undefined
}

export class SetAside {
  readonly #staging: Staging
  readonly #changes: ReadonlyMap<number, Change>
  readonly #size: number

  private constructor(staging: Staging, changes: ReadonlyMap<number, Change>) {
    this.#staging = staging
    this.#changes = changes
    this.#size = staging.size
  }

  /** Copies the staged changes. @throws ERR_STRIDE_TRANSACTION if a bulk load is staged; _IO */
  static copy(locator: Locator, path: string): SetAside {
    const { staging } = locator
    const { baseSize, size, tailStart, recordSize, tail } = staging
    if (tailStart > baseSize) {
      const message = `${tailStart - baseSize} appended records are staged in ${path} itself: commit or roll back, then commit the transaction`
      throw new StrideError('ERR_STRIDE_TRANSACTION', message, { path })
    }
    const copyOf = (source: RecordBytes | undefined, at: number): HeapBytes | undefined => {
      if (source === undefined) return undefined
      const copy = HeapBytes.ofSize(recordSize)
      copyBytes(source, at, copy, 0, recordSize)
      return copy
    }
    const changes = new Map<number, Change>()
    for (let n = baseSize; n < size; n++) {
      changes.set(n, { image: copyOf(tail, (n - baseSize) * recordSize), old: undefined })
    }
    const { numbers, slots } = staging.stagedChanges()
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i] as number
      const slot = slots[i] as number
      const image = slot < 0 ? undefined : copyOf(staging.imageSource(slot), staging.imageAt(slot))
      // It was appended and deleted, so no reader sees it.
      if (image === undefined && n >= baseSize) changes.delete(n)
      else {
        const old = locator.findSealed(n)
        changes.set(n, { image, old: copyOf(old, locator.at) })
      }
    }
    return new SetAside(staging, changes)
  }

  has(n: number): boolean {
    return this.#changes.has(n)
  }

  /** Stages the changes again. Nothing else is staged. */
  stageAgain(writer: StoreWriter, indexes: IndexSet | undefined): void {
    const staging = this.#staging
    const numbers = Array.from(this.#changes.keys()).sort((a, b) => a - b)
    staging.stageAgain(() => {
      for (const n of numbers) {
        const { image, old } = this.#changes.get(n) as Change
        if (n >= staging.size) writer.place(n, image)
        else if (image === undefined) {
          if (old !== undefined) indexes?.note(n, old.view, 0)
          staging.setDeleted(n, old !== undefined)
        } else {
          if (old === undefined) indexes?.note(n, image.view, 0)
          else indexes?.noteChange(n, old.view, image.view, 0)
          staging.setImage(n, image, old === undefined)
        }
      }
      writer.fillTo(this.#size)
    })
  }
}
