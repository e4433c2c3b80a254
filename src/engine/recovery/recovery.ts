/**
 * How does opening for writing recover from a crash? It finds the changes in the journal that the file lacks.
 *
 * A few changes are stored in the file before the store opens. Many changes are stored while it is already open, since each may be on a
 * page of its own. Which frames are valid: journal-scan.ts. Storing their changes: replay.ts.
 */

import { journalPathOf } from '../format/file-names.ts'
import { type Root, readRootPages } from '../format/root.ts'
import type { DroppedFrames, JournalScan } from '../journal/journal-scan.ts'
import { collapse } from '../journal/net-changes.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { type Recoverable, Replay } from './replay.ts'

/** An index that opening built from the records. */
export interface RebuiltIndex {
  /** Its name. */
  readonly index: string
  /** Why its pages could not be used. */
  readonly reason: string
}

/** What opening had to do after a crash. */
export interface Recovery {
  /** Commits that were replayed from the journal, since they were not in the data file. */
  readonly commitsReplayed: number
  /** Bytes of the journal's torn tail, which were dropped. */
  readonly bytesDropped: number
  /** Where these bytes were, and why they were dropped; absent if there were none. */
  readonly dropped?: DroppedFrames
  /** Indexes that were built from the records, since they were new or their file was missing, foreign or damaged. */
  readonly indexesBuilt?: readonly RebuiltIndex[]
}

export const NOTHING_RECOVERED: Recovery = { commitsReplayed: 0, bytesDropped: 0 }

export function recoveryOf({ commits, dropped }: JournalScan): Recovery {
  return {
    commitsReplayed: commits,
    bytesDropped: dropped?.bytes ?? 0,
    ...(dropped === undefined ? {} : { dropped }),
  }
}

export interface Recovered {
  /** The valid root in the file. */
  readonly root: Root
  /** The changes that are still to be stored in the file. */
  readonly replay?: Replay
}

/**
 * Stores the scanned changes in the file and ends the journal, or returns a replay that does so later. A store that was closed needs no
 * replay.
 * @throws ERR_STRIDE_CORRUPT, _NO_SPACE, _IO
 */
export function* recover(store: Recoverable, scan: JournalScan, isLeft: boolean): QuietSteps<Recovered> {
  const { root } = store
  if (isAtRest(store)) return { root }
  const net = yield* collapse(scan, store, journalPathOf(store.path), root)
  const replay = new Replay(store, net, scan)
  if (isLeft) return { root, replay }
  return { root: replay.finish() }
}

/** Whether the file alone contains everything, both roots say so, and no journal is left. */
function isAtRest({ platform, path, file, root }: Recoverable): boolean {
  const isWhole = readRootPages(file).every(page => page.root !== undefined)
  return root.journalSegment === 0 && isWhole && !platform.exists(journalPathOf(path))
}
