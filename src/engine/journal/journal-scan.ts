/**
 * Reads a journal: which commits does it have beyond the root's, and is one missing?
 *
 *   JS1  if a frame is not whole, its commit number decides. Up to the highest `syncedCommit` of any whole frame it is damage, reported
 *        with its offset. Above, it is the torn tail of a commit that never returned, and is dropped.
 *   JS2  a root that this journal does not continue, a journal of another store, and a missing journal are errors. An older state is never
 *        opened instead.
 *   JS3  memory is the cache of journal-bytes.ts and a little for each segment, whatever the journal's size and number of frames.
 *   JS4  the work yields after parts of at most some hundred kilobytes.
 * Nothing is written. The content of a frame: frame-read.ts. Replay: recovery.ts, and reader-state.ts for readers.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
import { corrupt, type Identity } from '../format/identity.ts'
import { BLOCK_BYTES, FRAME_ALIGNMENT, JOURNAL_HEADER, slotOffset } from '../format/journal-format.ts'
import type { Root } from '../format/root.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { isBeside } from '../whole-files/same-file.ts'
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
  /** Its offset in the journal, bytes. */
  readonly offset: number
  /** Its length in bytes. */
  readonly bytes: number
  /** The count of frames that begin in it. */
  readonly frames: number
  /** Why the first of them was not replayed. */
  readonly reason: string
}

/** The commits of a journal beyond a root. `close` closes its file. */
export interface JournalScan {
  /** The count of commits, which follow the root's without a gap. */
  readonly commits: number
  /** The header of the last frame. */
  readonly last: FrameHead | undefined
  /** An upper bound of the frames' changes and appended images. */
  readonly changes: number
  readonly inPlace: readonly InPlaceRecords[]
  /** The ranges of these frames, and of earlier frames in their segments. */
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

/** For a single pass over the journal. */
const IN_PASSING: JournalBytesOptions = { keptBytesMax: 4 * PIECE_BYTES, isReadOnce: true }

/**
 * Reads the journal that a root names, if it names one.
 *
 * @param syncedCommit from the shared words: a commit whose frame was synced, and whose changes may be in the file
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
 * Searches the whole journal for the frames of the commits after `after`, in order and without a gap, for journal-tail.ts. Each is copied
 * into memory of its own.
 * @returns undefined if the journal has later commits, but not the next one
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

/** A frame in memory, and its end in the journal's file. */
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
  // The store's file was rewritten later, which requires that this journal had been ended. It is a leftover.
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
    // The root ended this journal, or no root ever named it. Frames under another salt would belong to a root that is lost.
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
  // Frames beside the chain show whether the chain lacks a synced commit.
  const known = yield* knownBeside(passing, slots, chain.extents, salt, root.journalSegment)
  const isDamaged = (): boolean => {
    const isShort = chain.expected <= root.commitNumber && known.commit > root.commitNumber
    // Commits up to this one were synced: a later frame says so, or their changes may be in the file already.
    const synced = Math.max(chain.synced, known.synced, syncedCommit)
    return isShort || synced >= Math.max(chain.expected, root.commitNumber + 1)
  }
  // A live writer may have written further frames of the chain and beside it meanwhile.
  if (isDamaged()) yield* chain.resume()
  if (isDamaged()) {
    throw corrupt(file.path, chain.stoppedAt, `commit ${chain.expected} was synced, but is not whole here`)
  }
  const { commits, last, changes, inPlace, extents, slotEnd, stoppedAt, segment } = chain
  const dropped = yield* tornTail(passing, stoppedAt, slotEnd, salt, Math.max(root.journalSegment, segment))
  const frames = (): Iterable<Frame> => framesOf(bytes, extents, salt, root.commitNumber)
  return { commits, last, changes, inPlace, extents, dropped, bytes, frames, close: () => bytes.close() }
}

/** Slots 0 and 1, and the rest of the file as slot 2. */
export function slotsOf(size: number, slotBytes: number): readonly Extent[] {
  return [0, 1, 2].map(slot => {
    const offset = slotOffset(slot, slotBytes)
    return { offset, end: Math.max(offset, slot === 2 ? size : Math.min(size, offset + slotBytes)) }
  })
}

/** Throws if a journal that no root names contains a commit. */
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

/** The torn tail: frames behind the chain, in the slot where it ends, of commits that never returned. */
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

/** The highest commit number and the highest `syncedCommit` of whole frames beside the chain, of this segment or later ones. */
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

/** Visits each whole frame in a range, also behind damaged ones. */
export function* eachWhole(
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
