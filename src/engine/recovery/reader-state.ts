/**
 * What a read-only opener sees: the state that a live writer publishes, or the root and the journal that a dead one left.
 *
 *   S2  while a writer is ready, the shared words tell what is committed; otherwise the journal's whole frames are laid
 *       over the file in this process's memory, and nothing is written. That is right while a writer opens the store, too:
 *       what recovery puts into the file is what these frames say.
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
/** Where no lock tells whether a process writes, apparent damage may be a checkpoint that goes on: for so long. */
const UNCERTAIN_MS = 500
const POLL_MS = 2

export interface ReaderState {
  readonly state: PublishedState
  /** The shared sequence that this belongs to. */
  readonly sequence: number
  /** Whether a writer was storing the next commit into the file. */
  readonly isUnderWay?: boolean
  /** What looks past later commits, where the file has gone on. */
  readonly held?: HeldCommit
  /** What lies over the file, where no writer put it there. */
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

/** In steps, as long as a journal is read. @throws ERR_STRIDE_BUSY, _CORRUPT, _JOURNAL_MISSING, _TRUNCATED, _IO */
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

/** What the words say; undefined where they changed meanwhile. */
function readPublished({ file, addressing }: Readable, follower: Follower): ReaderState | undefined {
  const sequence = follower.settle()
  const isUnderWay = (sequence & 1) === 1
  // Until the writer has stored a commit the words tell of the one before, unless it is changing them right now.
  if (isUnderWay && follower.appliedCommit() === 0) return undefined
  const state = follower.state()
  if (follower.sequence() !== sequence) return undefined
  const end = fileEnd(addressing, state)
  if (file.size() < end) throw truncated(file.path, end, file.size())
  return { state, sequence, isUnderWay, overlay: undefined, recovery: NOTHING_RECOVERED }
}

/** What root and journal say; undefined where a writer changed them meanwhile. */
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
    // A writer that opens the store ends the journal, or finds the same damage and goes.
    if (uncertain.isOver && lock.writerState() === 'none' && follower.sequence() === sequence) throw error
    return undefined
  } finally {
    // The overlay goes on reading from it.
    if (found?.overlay === undefined) scan?.close()
  }
}

/** What is committed with these changes; records of theirs may lie in the file behind the room that the root knows. */
function laidOver(root: Root, { commitNumber, size, deletedCount }: NetChanges): PublishedState {
  return { ...root, commitNumber, size, deletedCount, capacity: Math.max(root.capacity, size) }
}
