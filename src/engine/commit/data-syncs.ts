/**
 * What have syncs of the data file made durable? Records stored in place, and allocated capacity.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import type { DirtyRanges } from '../data-file/dirty-ranges.ts'
import type { SealedCommit } from './seal.ts'

export class DataSyncs {
  readonly #file: PlatformFile
  readonly #dirty: DirtyRanges
  /** The file's present capacity in records. */
  readonly #capacity: () => number
  #syncedCapacity: number
  /** The records stored in place by commits up to this one are synced. */
  #syncedTo: number
  /** The count of sync calls. */
  count = 0

  /** @param start the state at the start, which is durable */
  constructor(
    file: PlatformFile,
    dirty: DirtyRanges,
    capacity: () => number,
    start: { readonly commitNumber: number; readonly capacity: number },
  ) {
    this.#file = file
    this.#dirty = dirty
    this.#capacity = capacity
    this.#syncedCapacity = start.capacity
    this.#syncedTo = start.commitNumber
  }

  /** Whether the present capacity is durable. */
  get isRoomSynced(): boolean {
    return this.#capacity() <= this.#syncedCapacity
  }

  /** Whether the data file must be synced before the frames of these commits are written. */
  areNeededBefore(commits: readonly SealedCommit[]): boolean {
    return commits.some(
      ({ commitNumber, inPlaceBytes, size }) =>
        commitNumber > this.#syncedTo && (inPlaceBytes > 0 || size > this.#syncedCapacity),
    )
  }

  /** @param sealedTo the last commit whose records stored in place are in the file */
  sync(sealedTo: number): void {
    const capacity = this.#capacity()
    this.#begin()
    this.#file.sync()
    this.#synced(sealedTo, capacity)
  }
  async syncAsync(sealedTo: number): Promise<void> {
    const capacity = this.#capacity()
    this.#begin()
    await this.#file.syncAsync()
    this.#synced(sealedTo, capacity)
  }

  #begin(): void {
    this.count++
    this.#dirty.clear()
  }

  #synced(sealedTo: number, capacity: number): void {
    this.#syncedCapacity = Math.max(this.#syncedCapacity, capacity)
    this.#syncedTo = Math.max(this.#syncedTo, sealedTo)
  }
}
