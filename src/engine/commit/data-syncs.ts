/**
 * What have syncs of the data file made durable? Records that were stored in place, and allocated room.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import type { DirtyRanges } from '../data-file/dirty-ranges.ts'
import type { SealedCommit } from './seal.ts'

export class DataSyncs {
  readonly #file: PlatformFile
  readonly #dirty: DirtyRanges
  /** Records that the file has room for now. */
  readonly #capacity: () => number
  #syncedCapacity: number
  /** Commits up to this one have their records that lie in place synced. */
  #syncedTo: number
  /** Syncs asked of the system. */
  count = 0

  constructor(file: PlatformFile, dirty: DirtyRanges, capacity: () => number, commitNumber: number) {
    this.#file = file
    this.#dirty = dirty
    this.#capacity = capacity
    this.#syncedCapacity = capacity()
    this.#syncedTo = commitNumber
  }

  /** Whether the frame of one of these commits may only be written after a sync. */
  areNeededBefore(commits: readonly SealedCommit[]): boolean {
    return commits.some(
      ({ commitNumber, inPlaceBytes, size }) =>
        commitNumber > this.#syncedTo && (inPlaceBytes > 0 || size > this.#syncedCapacity),
    )
  }

  /** `sealedTo`: commits up to this one have their records in place. */
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
