/**
 * How much have reading and writing cost so far? Counters of a store or flat file.
 */

import { StrideError } from '../errors.ts'
import type { Platform, PlatformFile } from '../mmap/platform.ts'
import type { WindowPool } from '../mmap/window-pool/window.ts'
import type { CommitStats } from './commit/commit-progress.ts'
import { keptPathOf } from './format/file-names.ts'
import { keptNow } from './sharing/keepers.ts'
import type { Staging } from './staging/staging.ts'
import { isBeside } from './whole-files/same-file.ts'

/** Counters of a store or flat file, as a copy. */
export interface StoreStats {
  /** How the bytes are reached. */
  readonly backend: 'mapped' | 'file' | 'memory'
  /** How many windows show a part of the file now. */
  readonly windows: number
  /** Bytes that these windows show. */
  readonly mappedBytes: number
  /** Bytes of the mapped windows that are in memory now, in the system's cache. */
  readonly residentBytes: number
  /** How often a window was pointed at another part of the file. */
  readonly slides: number
  /** Page faults of the whole process since it started. Major ones waited for a disk. */
  readonly pageFaults: { readonly minor: number; readonly major: number }
  /** Syncs since opening. */
  readonly syncs: number
  /** Commits since opening. */
  readonly commits: number
  /** Checkpoints since opening. */
  readonly checkpoints: number
  /** How often a commit waited for a checkpoint to free a part of the journal. */
  readonly commitWaits: number
  /** Bytes of frames in the journal. */
  readonly journalBytes: number
  /** Bytes of the file. */
  readonly fileBytes: number
  /** How many records the file has room for. */
  readonly capacity: number
  /** Staged records that are not in the file. */
  readonly stagedRecords: number
  /** Bytes of heap memory of staged records. */
  readonly stagedBytes: number
  /** Open transactions of `begin()`. */
  readonly openTransactions: number
  /** Open snapshots of this process. */
  readonly openSnapshots: number
  /** Snapshots with `keep: true` that are open now, in all processes. */
  readonly keptSnapshots: number
  /** The commit of the oldest of them; undefined if there are none. */
  readonly keptSince: number | undefined
  /** Bytes of frames that the journal dropped and these snapshots need. */
  readonly keptBytes: number
  /** Bytes of heap memory with earlier versions of records, kept for these transactions and snapshots. */
  readonly versionBytes: number
  /** Pending entries of indexes: in memory, not in the pages yet. They slow lookups, and are merged in the background. */
  readonly pendingIndexEntries: number
}

const NOTHING_COMMITTED: CommitStats = { syncs: 0, commits: 0, checkpoints: 0, commitWaits: 0, journalBytes: 0 }

type KeptStats = Pick<StoreStats, 'keptSnapshots' | 'keptSince' | 'keptBytes'>

export const NOTHING_KEPT: KeptStats = { keptSnapshots: 0, keptSince: undefined, keptBytes: 0 }

/** What snapshots of all processes keep of a store. */
export function readKept(platform: Platform, path: string): KeptStats {
  const { count: keptSnapshots, since: keptSince } = keptNow(platform, path)
  return { keptSnapshots, keptSince, keptBytes: bytesOf(platform, keptPathOf(path)) }
}

export function readStats(of: {
  readonly kept: KeptStats
  readonly backend: StoreStats['backend']
  readonly pool: WindowPool
  readonly staging: Staging
  readonly fileBytes: number
  readonly capacity: number
  /** Undefined for a store that is open for reading only. */
  readonly committing: CommitStats | undefined
  readonly pendingIndexEntries: number
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
    openTransactions: of.staging.versions.transactionCount,
    openSnapshots: of.staging.versions.snapshotCount,
    ...of.kept,
    versionBytes: of.staging.versions.bytes,
    pendingIndexEntries: of.pendingIndexEntries,
  }
}

/** Bytes of a file; 0 if there is none. */
function bytesOf(platform: Platform, path: string): number {
  if (!isBeside(platform, path)) return 0
  let file: PlatformFile
  try {
    file = platform.open(path, { access: 'read', create: 'never' })
  } catch (error) {
    // The writer has just removed it, or it may not be read.
    if (error instanceof StrideError) return 0
    throw error
  }
  try {
    return file.size()
  } finally {
    file.close()
  }
}
