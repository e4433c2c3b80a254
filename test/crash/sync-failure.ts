/**
 * A loss that comes before the power goes: one sync of a run fails, as Linux lets it fail (file-model.ts, M5; disk-model.ts, N4).
 */

import { constants } from 'node:os'
import { StrideError } from '../../src/errors.ts'
import type { DiskEvent, DiskObserver } from '../../src/mmap/simulated/simulated-disk.ts'
import { errnoError } from '../../src/mmap/system-errors.ts'
import { Violation } from './violation.ts'

/** The codes with which a call may answer after it. */
const CODES: readonly string[] = ['ERR_STRIDE_IO', 'ERR_STRIDE_POISONED', 'ERR_STRIDE_CLOSED']

/** Fails the `at`-th sync, of a file or a folder, counted from `arm`. */
export class SyncFailure {
  readonly #inner: DiskObserver
  readonly #at: number
  #isArmed = false
  /** Syncs so far. */
  count = 0
  hasFailed = false

  constructor(at: number, inner: DiskObserver) {
    this.#at = at
    this.#inner = inner
  }

  arm(): void {
    this.#isArmed = true
  }

  readonly observer = (event: DiskEvent): void => {
    const isSync = event.kind === 'sync-end' || event.kind === 'sync-folder'
    if (isSync && this.#isArmed && ++this.count === this.#at) {
      this.hasFailed = true
      throw errnoError(
        event.kind === 'sync-end' ? 'fdatasync' : 'fsync',
        constants.errno.EIO,
        'a simulated disk',
      )
    }
    this.#inner(event)
  }

  /** @throws the error, unless the failure explains it */
  assertExplains(error: unknown): void {
    if (!this.hasFailed) throw error
    if (error instanceof StrideError && CODES.includes(error.code)) return
    throw new Violation(`after a failed sync: ${error instanceof Error ? error.stack : String(error)}`)
  }
}
