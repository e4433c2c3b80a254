/**
 * The committed state that a read-only opener sees: published by a live writer, or read from the root and the journal of a dead one.
 *
 *   S2  while a writer is ready, the shared words have the committed state. Otherwise the journal's whole frames become an overlay in this
 *       process's memory, and nothing is written. That is also right while a writer opens the store, since its recovery stores the
 *       changes of the same frames.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import type { Addressing } from '../format/addressing.ts'
import { journalPathOf } from '../format/file-names.ts'
import type { Identity } from '../format/identity.ts'
import { truncated } from '../format/identity.ts'
import { fileEnd, type Root, readRoot } from '../format/root.ts'
import { assertInPlace } from '../journal/in-place.ts'
import { type JournalScan, scanJournal } from '../journal/journal-scan.ts'
import { collapse, type NetChanges } from '../journal/net-changes.ts'
import type { StoreLock } from '../sharing/locks.ts'
import type { Follower, PublishedState } from '../sharing/publication.ts'
import type { QuietSteps } from '../steps/steps.ts'
import type { HeldCommit } from './held-commit.ts'
import { NOTHING_RECOVERED, type Recovery, recoveryOf } from './recovery.ts'
import type { RecoveryLimits } from './recovery-limits.ts'

const WAIT_MS_MAX = 10_000
/** If no lock shows whether a process writes, apparent damage may be a running checkpoint. Reading is retried for so long. */
const UNCERTAIN_MS = 500
const POLL_MS = 2

export interface ReaderState {
  readonly state: PublishedState
  /** The shared sequence at which the state was read. */
  readonly sequence: number
  /** Whether a writer was storing the next commit in the file. */
  readonly isUnderWay?: boolean
  /** Hides later commits that are in the file already. */
  readonly held?: HeldCommit
  /** The journal's changes that are not in the file; undefined if there are none or a writer is ready. */
  readonly overlay: NetChanges | undefined
  readonly recovery: Recovery
}

interface Readable {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly identity: Identity
  readonly addressing: Addressing
  readonly lock: StoreLock
  readonly limits: RecoveryLimits
}

/** Reads the state, in steps if a journal is read. @throws ERR_STRIDE_BUSY, _CORRUPT, _JOURNAL_MISSING, _TRUNCATED, _IO */
export function* readState(store: Readable, follower: Follower): QuietSteps<ReaderState> {
  const deadline = new Deadline(WAIT_MS_MAX)
  const uncertain = new Deadline(store.platform.lockObstacle === undefined ? 0 : UNCERTAIN_MS)
  for (;;) {
    const writer = store.lock.writerState()
    if (writer === 'ready') {
      const published = readPublished(store, follower)
      if (published !== undefined) return published
    } else if (writer === 'none' || !follower.isSuperseded) {
      const left = yield* readLeft(store, follower, uncertain)
      if (left !== undefined) return left
    }
    if (deadline.isOver) {
      const { path } = store
      throw new StrideError('ERR_STRIDE_BUSY', `A writer has been replacing ${path} for ${WAIT_MS_MAX} ms`, {
        path,
      })
    }
    blockFor(POLL_MS)
    yield
  }
}

/** The state in the shared words; undefined if they changed meanwhile. */
function readPublished({ file, addressing }: Readable, follower: Follower): ReaderState | undefined {
  const sequence = follower.settle()
  const isUnderWay = (sequence & 1) === 1
  // During a store the words still have the previous commit. If none can be read from them, the writer is changing them right now.
  if (isUnderWay && follower.appliedCommit() === 0) return undefined
  const state = follower.state()
  if (follower.sequence() !== sequence) return undefined
  const end = fileEnd(addressing, state)
  if (file.size() < end) throw truncated(file.path, end, file.size())
  return { state, sequence, isUnderWay, overlay: undefined, recovery: NOTHING_RECOVERED }
}

/** The state in root and journal; undefined if a writer changed them meanwhile. */
function* readLeft(
  store: Readable,
  follower: Follower,
  uncertain: Deadline,
): QuietSteps<ReaderState | undefined> {
  const { platform, path, file, identity, addressing, lock, limits } = store
  const sequence = follower.sequence()
  let scan: JournalScan | undefined
  let found: ReaderState | undefined
  try {
    const root = readRoot(file, addressing)
    const { journalBytesKept } = limits
    scan = yield* scanJournal(platform, path, identity, root, follower.syncedCommit(), journalBytesKept)
    yield* assertInPlace(store, scan)
    const overlay = scan.commits === 0 ? undefined : yield* collapse(scan, store, journalPathOf(path), root)
    if (lock.writerState() === 'ready' || follower.sequence() !== sequence) return undefined
    const state = overlay === undefined ? root : laidOver(root, overlay)
    const end = fileEnd(addressing, state)
    if (file.size() < end) throw truncated(file.path, end, file.size())
    found = { state, sequence, overlay, recovery: recoveryOf(scan) }
    return found
  } catch (error) {
    // A writer that is opening the store may have ended the journal; if the damage is real, it fails, too.
    if (uncertain.isOver && lock.writerState() === 'none' && follower.sequence() === sequence) throw error
    return undefined
  } finally {
    // An overlay still reads from the journal.
    if (found?.overlay === undefined) scan?.close()
  }
}

/** The committed state with the journal's changes. Records stored in place may be beyond the root's capacity. */
function laidOver(root: Root, { commitNumber, size, deletedCount }: NetChanges): PublishedState {
  return { ...root, commitNumber, size, deletedCount, capacity: Math.max(root.capacity, size) }
}
