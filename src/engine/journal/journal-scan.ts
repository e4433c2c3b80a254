/**
 * Reads a journal: which commits it holds behind those that the root counts, and whether anything is missing.
 *
 *   JS1  a bad frame at or below the highest commit that any whole frame says was synced is damage, and named with its
 *       offset; a bad frame above is the torn tail of a commit that never returned, and is dropped.
 *   JS2  a root that this journal does not continue, a journal of another store, a missing one: each is an error,
 *       never a reason to go on with an older state.
 *   JS3  memory is the pieces of journal-bytes.ts and a little for each segment, whatever the journal's size and number of frames.
 *   JS4  the work stops after each part, of at most some hundred kilobytes.
 * Reads only. What a frame holds: frame-read.ts. Who replays: recovery.ts, and reader-state.ts for readers.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
import { corrupt, type Identity } from '../format/identity.ts'
import { BLOCK_BYTES, FRAME_ALIGNMENT, JOURNAL_HEADER, slotOffset } from '../format/journal-format.ts'
import type { Root } from '../format/root.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { isBeside } from '../whole-files/current-file.ts'
import { ChainReader, type Extent, framesOf, type InPlaceRecords } from './frame-chain.ts'
import {
  copyFrame,
  type Frame,
  type FrameHead,
  frameEnd,
  headAt,
  looksLikeFrame,
  nextMagic,
  readHead,
  wholeFrame,
} from './frame-read.ts'
import { JournalBytes, type JournalBytesOptions, PIECE_BYTES } from './journal-bytes.ts'
import { type JournalFacts, readJournalHeader } from './journal-header.ts'

/** A part of the journal that was not replayed. */
export interface DroppedFrames {
  /** Where it begins: bytes from the start of the journal. */
  readonly offset: number
  /** Its length in bytes. */
  readonly bytes: number
  /** How many frames begin in it. */
  readonly frames: number
  /** Why the first of them was not replayed. */
  readonly reason: string
}

/** What a journal holds behind a root. `close` closes its file. */
export interface JournalScan {
  /** How many commits, which follow on the root's. */
  readonly commits: number
  /** The head of the last one's frame. */
  readonly last: FrameHead | undefined
  /** At least as many changes and appended images as the frames have together. */
  readonly changes: number
  readonly inPlace: readonly InPlaceRecords[]
  /** Where these frames lie, and those of their segments before them. */
  readonly extents: readonly Extent[]
  readonly dropped: DroppedFrames | undefined
  readonly bytes: JournalBytes | undefined
  /** The frames of the commits, in order. */
  readonly frames: () => Iterable<Frame>
  readonly close: () => void
}

const NOTHING: JournalScan = {
  commits: 0,
  last: undefined,
  changes: 0,
  inPlace: [],
  extents: [],
  dropped: undefined,
  bytes: undefined,
  frames: () => [],
  close: () => {},
}

/** What is looked through once, piece after piece. */
const IN_PASSING: JournalBytesOptions = { keptBytesMax: 4 * PIECE_BYTES, isReadOnce: true }

/**
 * Reads the journal that a root names, if it names one.
 *
 * @param syncedCommit a commit whose frame was synced, as the shared words say: changes up to it may be in the file
 * @param keptBytesMax see journal-bytes.ts
 * @throws ERR_STRIDE_JOURNAL_MISSING, _CORRUPT, _FORMAT_NEWER, _IO
 */
export function* scanJournal(
  platform: Platform,
  path: string,
  identity: Identity,
  root: Root,
  syncedCommit: number,
  keptBytesMax: number,
): QuietSteps<JournalScan> {
  const journalPath = journalPathOf(path)
  if (root.journalSegment === 0 && syncedCommit > root.commitNumber) {
    const what = `the root is of commit ${root.commitNumber} and names no journal, but changes up to commit ${syncedCommit} may be in the file`
    throw corrupt(path, 0, what)
  }
  if (!isBeside(platform, journalPath)) {
    if (root.journalSegment === 0) return NOTHING
    const message = `${path} was not closed, and its journal ${journalPath} is not there: it may hold commits`
    throw new StrideError('ERR_STRIDE_JOURNAL_MISSING', message, { path: journalPath })
  }
  const file = platform.open(journalPath, { access: 'read', create: 'never' })
  let scan: JournalScan | undefined
  try {
    scan = yield* scanFile(file, identity, root, syncedCommit, keptBytesMax)
    scan.bytes?.settle(scan.extents.map(({ end }) => end))
    return scan
  } finally {
    if (scan?.bytes === undefined) file.close()
  }
}

/**
 * The whole frames of the commits behind `after`, wherever they lie, in order and without a gap, each in memory of its own: for
 * who follows a journal that goes on (journal-tail.ts).
 * @returns undefined where the journal holds later commits, but not the next one
 */
export function* framesBehind(
  file: PlatformFile,
  { salt, slotBytes }: JournalFacts,
  after: number,
): QuietSteps<readonly PlacedFrame[] | undefined> {
  const found: PlacedFrame[] = []
  const bytes = new JournalBytes(file, IN_PASSING)
  for (const { offset, end } of slotsOf(bytes.size, slotBytes)) {
    yield* eachWhole(bytes, offset, end, salt, (head, at) => {
      if (head.commitNumber > after) found.push({ ...copyFrame({ head, bytes, at }), end: frameEnd(at, head) })
    })
  }
  found.sort((a, b) => a.head.commitNumber - b.head.commitNumber)
  const frames = found.filter(({ head }, i) => head.commitNumber === after + 1 + i)
  return frames.length === 0 && found.length > 0 ? undefined : frames
}

/** A frame in memory, and where it ends in the journal's file. */
export interface PlacedFrame extends Frame {
  readonly end: number
}

function* scanFile(
  file: PlatformFile,
  identity: Identity,
  root: Root,
  syncedCommit: number,
  keptBytesMax: number,
): QuietSteps<JournalScan> {
  const { salt, slotBytes, generation } = readJournalHeader(file, identity)
  // The file was rewritten since, which only an ended journal allows: this one is left from then.
  if (root.journalSegment === 0 && generation < identity.generation) return NOTHING
  if (generation !== identity.generation) {
    throw corrupt(
      file.path,
      32,
      `this journal belongs to generation ${generation} of the store, not to ${identity.generation}`,
    )
  }
  const passing = new JournalBytes(file, IN_PASSING)
  const slots = slotsOf(passing.size, slotBytes)
  const isNamed = salt.toString('hex') === root.journalSalt
  if (root.journalSegment === 0) {
    // The root ended it, or it was never named: what else may lie there was written under a root that is gone.
    if (!isNamed) yield* refuseFrames(file.path, passing, slots, salt, root)
    return NOTHING
  }
  if (!isNamed) {
    throw corrupt(
      file.path,
      JOURNAL_HEADER.at.salt,
      'it does not continue the store: its salt is not the one that the root names',
    )
  }
  const bytes = new JournalBytes(file, { size: passing.size, keptBytesMax })
  const chain = new ChainReader(bytes, slots, salt, root, identity.recordSize)
  yield* chain.read(file.path)
  // The chain tells of itself; what lies beside it is looked through once.
  const known = yield* knownBeside(passing, slots, chain.extents, salt, root.journalSegment)
  const isDamaged = (): boolean => {
    const isShort = chain.expected <= root.commitNumber && known.commit > root.commitNumber
    // Commits up to this one were synced, as a later frame says, or because their changes may be in the file already.
    const synced = Math.max(chain.synced, known.synced, syncedCommit)
    return isShort || synced >= Math.max(chain.expected, root.commitNumber + 1)
  }
  // A writer that is alive may have written both since.
  if (isDamaged()) yield* chain.resume()
  if (isDamaged()) {
    throw corrupt(file.path, chain.stoppedAt, `commit ${chain.expected} was synced, but is not whole here`)
  }
  const { commits, last, changes, inPlace, extents, slotEnd, stoppedAt, segment } = chain
  const dropped = yield* tornTail(passing, stoppedAt, slotEnd, salt, Math.max(root.journalSegment, segment))
  const frames = (): Iterable<Frame> => framesOf(bytes, extents, salt, root.commitNumber)
  return { commits, last, changes, inPlace, extents, dropped, bytes, frames, close: () => bytes.close() }
}

/** Slots 0 and 1, and whatever lies behind them as slot 2. */
function slotsOf(size: number, slotBytes: number): readonly Extent[] {
  return [0, 1, 2].map(slot => {
    const offset = slotOffset(slot, slotBytes)
    return { offset, end: Math.max(offset, slot === 2 ? size : Math.min(size, offset + slotBytes)) }
  })
}

/** No root names this journal, so it may hold no commit. */
function* refuseFrames(
  journalPath: string,
  bytes: JournalBytes,
  slots: readonly Extent[],
  salt: Buffer,
  root: Root,
): QuietSteps<void> {
  for (const { offset, end } of slots) {
    yield* eachWhole(bytes, offset, end, salt, (head, at) => {
      const what = `it holds commit ${head.commitNumber}, but the store's root is of commit ${root.commitNumber} and names no journal`
      throw corrupt(journalPath, at, what)
    })
  }
}

/** What of commits that did not return lies behind the chain, in the slot where it ends. */
function* tornTail(
  bytes: JournalBytes,
  from: number,
  slotEnd: number,
  salt: Buffer,
  segment: number,
): QuietSteps<DroppedFrames | undefined> {
  let end = from
  let frames = 0
  for (let at = from; at < slotEnd; at += FRAME_ALIGNMENT) {
    at = nextMagic(bytes, at, slotEnd)
    if (at % PIECE_BYTES === 0) yield
    if (!looksLikeFrame(bytes, at, slotEnd, salt) || headAt(bytes, at).segment !== segment) continue
    frames++
    end = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES
  }
  if (frames === 0) return undefined
  return {
    offset: from,
    bytes: Math.min(end, slotEnd) - from,
    frames,
    reason: 'written by commits that never returned, and not whole',
  }
}

/** What whole frames of this segment or a later one say that lie behind the chain: the highest commit, and the highest synced one. */
function* knownBeside(
  bytes: JournalBytes,
  slots: readonly Extent[],
  chain: readonly Extent[],
  salt: Buffer,
  segment: number,
): QuietSteps<{ readonly commit: number; readonly synced: number }> {
  let commit = 0
  let synced = 0
  for (const { offset, end } of slots) {
    const from = chain.find(extent => extent.offset === offset)?.end ?? offset
    yield* eachWhole(bytes, from, end, salt, head => {
      if (head.segment < segment) return
      commit = Math.max(commit, head.commitNumber)
      synced = Math.max(synced, head.syncedCommit)
    })
  }
  return { commit, synced }
}

/** Calls with each whole frame in a range, wherever it begins, also behind damaged ones. */
function* eachWhole(
  bytes: JournalBytes,
  from: number,
  end: number,
  salt: Buffer,
  visit: (head: FrameHead, at: number) => void,
): QuietSteps<void> {
  let sinceYield = 0
  for (let at = from; at < end; ) {
    const place = nextMagic(bytes, at, end)
    sinceYield += place - at + 1
    if (sinceYield > PIECE_BYTES) {
      sinceYield = 0
      yield
    }
    at = place
    if (at >= end || readHead(bytes, at, end, salt) === undefined) {
      at += FRAME_ALIGNMENT
      continue
    }
    const head = yield* wholeFrame(bytes, at, end, salt)
    if (head === undefined) {
      at += FRAME_ALIGNMENT
      continue
    }
    visit(head, at)
    const next = frameEnd(at, head)
    sinceYield += next - at
    at = next
  }
}
