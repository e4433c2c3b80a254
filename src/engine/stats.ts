/**
 * What reading and writing cost so far.
 */

import type { WindowPool } from '../mmap/window-pool/window.ts'
import type { CommitStats } from './commit/commit-progress.ts'
import type { Staging } from './records/staging.ts'

/** What reading and writing cost so far, as a copy. Bytes unless another unit is named. */
export interface StoreStats {
  /** How the bytes are reached. */
  readonly backend: 'mapped' | 'file' | 'memory'
  /** Windows that show a part of the file now. */
  readonly windows: number
  /** Bytes that these windows show. */
  readonly mappedBytes: number
  /** Bytes of the mapped windows that are in memory, whoever brought them there. */
  readonly residentBytes: number
  /** How often a window was pointed at another part of the file. */
  readonly slides: number
  /** Page faults of the whole process since it started; major ones waited for a disk. */
  readonly pageFaults: { readonly minor: number; readonly major: number }
  /** Syncs asked of the system since opening. */
  readonly syncs: number
  /** Commits since opening. */
  readonly commits: number
  /** Checkpoints since opening. */
  readonly checkpoints: number
  /** How often commits had to wait until a checkpoint set a part of the journal free. */
  readonly commitWaits: number
  /** Bytes of frames in the journal. */
  readonly journalBytes: number
  /** Size of the file. */
  readonly fileBytes: number
  /** Records that the file has room for. */
  readonly capacity: number
  /** Records that are staged and not in the file. */
  readonly stagedRecords: number
  /** Heap memory that staging holds. */
  readonly stagedBytes: number
  /** Transactions of `begin()` that go on. */
  readonly openTransactions: number
  /** Heap memory of earlier versions of records, kept for them. */
  readonly versionBytes: number
}

const NOTHING_COMMITTED: CommitStats = { syncs: 0, commits: 0, checkpoints: 0, commitWaits: 0, journalBytes: 0 }

export function readStats(of: {
  readonly backend: StoreStats['backend']
  readonly pool: WindowPool
  readonly staging: Staging
  readonly fileBytes: number
  readonly capacity: number
  /** None for a reader. */
  readonly committing: CommitStats | undefined
}): StoreStats {
  const { minorPageFault, majorPageFault } = process.resourceUsage()
  const { windows, mappedBytes, residentBytes, slides } = of.pool.stats()
  return {
    backend: of.backend,
    windows,
    mappedBytes,
    residentBytes,
    slides,
    pageFaults: { minor: minorPageFault, major: majorPageFault },
    ...(of.committing ?? NOTHING_COMMITTED),
    fileBytes: of.fileBytes,
    capacity: of.capacity,
    stagedRecords: of.staging.stagedCount + of.staging.appendedCount,
    stagedBytes: of.staging.bytes,
    openTransactions: of.staging.versions.viewCount,
    versionBytes: of.staging.versions.bytes,
  }
}
