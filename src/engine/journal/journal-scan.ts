/**
 * Reads a journal: which commits it holds behind those that the root counts, and whether anything is missing.
 *
 *   JS1  a bad frame at or below the highest commit that any whole frame says was synced is damage, and named with its
 *       offset; a bad frame above is the torn tail of a commit that never returned, and is dropped.
 *   JS2  a root that this journal does not continue, a journal of another store, a missing one: each is an error,
 *       never a reason to go on with an older state.
 * Reads only. What a frame holds: frame-read.ts. Who replays: recovery.ts, and reader-state.ts for readers.
 */

import { constants } from 'node:buffer'
import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { isBeside } from '../file/current-file.ts'
import { journalPathOf } from '../format/file-names.ts'
import { corrupt, type Identity } from '../format/identity.ts'
import {
  BLOCK_BYTES,
  FRAME_ALIGNMENT,
  FRAME_FIELD_AT,
  roundToBlock,
  slotOffset,
} from '../format/journal-format.ts'
import type { Root } from '../format/root.ts'
import { type FrameHead, frameEnd, looksLikeFrame, readFrame } from './frame-read.ts'
import { type JournalFacts, readJournalHeader } from './journal-header.ts'

/** A whole frame, and the bytes that it lies in. */
export interface Frame {
  readonly head: FrameHead
  readonly bytes: Buffer
  readonly at: number
  /** File offset of the bytes. */
  readonly offset: number
}

/** What was found and not replayed. */
export interface DroppedFrames {
  /** Bytes from the start of the journal. */
  readonly offset: number
  readonly bytes: number
  /** How many frames begin there. */
  readonly frames: number
  readonly reason: string
}

export interface JournalScan {
  /** Commits after the root's, in order. */
  readonly frames: readonly Frame[]
  /** The blocks that these, and those of their segments before them, lie in. */
  readonly extents: readonly SlotBytes[]
  readonly dropped: DroppedFrames | undefined
}

const NOTHING: JournalScan = { frames: [], extents: [], dropped: undefined }

/** A slot's bytes, and where they lie in the file. */
export interface SlotBytes {
  readonly offset: number
  readonly bytes: Buffer
}

/**
 * Reads the journal that a root names, if it names one.
 *
 * @param appliedCommit a commit that a writer has put into the file, as the shared words say, so that it was synced
 * @throws ERR_STRIDE_JOURNAL_MISSING, _CORRUPT, _FORMAT_NEWER, _IO
 */
export function scanJournal(
  platform: Platform,
  path: string,
  identity: Identity,
  root: Root,
  appliedCommit: number,
): JournalScan {
  const journalPath = journalPathOf(path)
  if (root.journalSegment === 0 && appliedCommit > root.commitNumber) {
    const what = `the root is of commit ${root.commitNumber} and names no journal, but commit ${appliedCommit} was in the file`
    throw corrupt(path, 0, what)
  }
  if (!isBeside(platform, journalPath)) {
    if (root.journalSegment === 0) return NOTHING
    const message = `${path} was not closed, and its journal ${journalPath} is not there: it may hold commits`
    throw new StrideError('ERR_STRIDE_JOURNAL_MISSING', message, { path: journalPath })
  }
  const file = platform.open(journalPath, { access: 'read', create: 'never' })
  try {
    return scanFile(file, identity, root, appliedCommit)
  } finally {
    file.close()
  }
}

/**
 * The whole frames of the commits behind `after`, wherever they lie, in order and without a gap: for who follows a journal
 * that goes on (journal-tail.ts).
 * @returns undefined where the journal holds later commits, but not the next one
 */
export function framesBehind(
  file: PlatformFile,
  { salt, slotBytes }: JournalFacts,
  after: number,
): readonly Frame[] | undefined {
  const found: Frame[] = []
  for (const { bytes, offset } of readSlots(file, slotBytes)) {
    for (const { head, at } of wholeFrames(bytes, salt)) {
      if (head.commitNumber > after) found.push({ head, bytes, at, offset })
    }
  }
  found.sort((a, b) => a.head.commitNumber - b.head.commitNumber)
  const frames = found.filter(({ head }, i) => head.commitNumber === after + 1 + i)
  return frames.length === 0 && found.length > 0 ? undefined : frames
}

function scanFile(file: PlatformFile, identity: Identity, root: Root, appliedCommit: number): JournalScan {
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
  const slots = readSlots(file, slotBytes)
  const isNamed = salt.toString('hex') === root.journalSalt
  if (root.journalSegment === 0) {
    // The root ended it, or it was never named: what else may lie there was written under a root that is gone.
    if (!isNamed) refuseFrames(file, slots, salt, root)
    return NOTHING
  }
  if (!isNamed) {
    throw corrupt(file.path, 40, 'it does not continue the store: its salt is not the one that the root names')
  }
  const chain = readChain(file.path, slots, salt, root)
  const known = knownFrom(slots, salt, root.journalSegment)
  // Commits up to this one were synced, as a later frame says, or because they are in the file already.
  const synced = Math.max(known.synced, appliedCommit)
  const isShort = chain.expected <= root.commitNumber && known.commit > root.commitNumber
  if (isShort || synced >= Math.max(chain.expected, root.commitNumber + 1)) {
    throw corrupt(file.path, chain.stoppedAt, `commit ${chain.expected} was synced, but is not whole here`)
  }
  return { frames: chain.frames, extents: chain.extents, dropped: chain.dropped }
}

/** Slots 0 and 1, and whatever lies behind them as slot 2. */
function readSlots(file: PlatformFile, slotBytes: number): readonly SlotBytes[] {
  const size = file.size()
  const slots: SlotBytes[] = []
  for (const slot of [0, 1, 2]) {
    const offset = slotOffset(slot, slotBytes)
    const length = Math.max(0, (slot === 2 ? size : Math.min(size, offset + slotBytes)) - offset)
    if (length > constants.MAX_LENGTH) {
      const message = `${file.path} has ${size} bytes, more than this runtime can take into one buffer`
      throw new StrideError('ERR_STRIDE_LIMIT', message, { path: file.path })
    }
    const bytes = Buffer.allocUnsafeSlow(length)
    slots.push({ offset, bytes: bytes.subarray(0, length === 0 ? 0 : file.read(bytes, offset)) })
  }
  return slots
}

/** No root names this journal, so it may hold no commit. */
function refuseFrames(file: PlatformFile, slots: readonly SlotBytes[], salt: Buffer, root: Root): void {
  for (const { offset, bytes } of slots) {
    for (const { head, at } of wholeFrames(bytes, salt)) {
      const what = `it holds commit ${head.commitNumber}, but the store's root is of commit ${root.commitNumber} and names no journal`
      throw corrupt(file.path, offset + at, what)
    }
  }
}

interface Chain {
  readonly frames: readonly Frame[]
  readonly extents: readonly SlotBytes[]
  /** The commit that would follow. */
  readonly expected: number
  /** Where in the journal it would be. */
  readonly stoppedAt: number
  readonly dropped: DroppedFrames | undefined
}

/** Follows the commits from segment to segment until one is not whole. */
function readChain(journalPath: string, slots: readonly SlotBytes[], salt: Buffer, root: Root): Chain {
  let last = slots.find(({ offset, bytes }) => offset === root.journalOffset && bytes.length >= BLOCK_BYTES)
  if (last === undefined)
    throw corrupt(journalPath, root.journalOffset, 'the segment that the root names is not there')
  const frames: Frame[] = []
  const extents: SlotBytes[] = []
  // The root's segment may begin with commits that the root counts already.
  let expected = Math.min(root.commitNumber + 1, firstCommitOf(slots, salt, root.journalSegment))
  let segment = root.journalSegment
  let end = 0
  // A segment that was begun and left without a frame gave its number to the next, wherever that lies.
  for (let slot = slotOf(slots, salt, segment); slot !== undefined; slot = slotOf(slots, salt, ++segment)) {
    const from = expected
    let at = 0
    for (;;) {
      const head = readFrame(slot.bytes, at, salt)
      if (head !== undefined && head.segment === segment && head.commitNumber === expected) {
        if (expected > root.commitNumber) frames.push({ head, bytes: slot.bytes, at, offset: slot.offset })
        expected++
        at = frameEnd(at, head)
      } else if (at % BLOCK_BYTES !== 0 && !looksLikeFrame(slot.bytes, at, salt)) {
        at = Math.ceil(at / BLOCK_BYTES) * BLOCK_BYTES
      } else {
        break
      }
    }
    if (expected === from) break
    last = slot
    end = at
    extents.push({ offset: slot.offset, bytes: slot.bytes.subarray(0, roundToBlock(end)) })
  }
  const dropped = tornTail(last, end, salt, Math.max(root.journalSegment, segment - 1))
  return { frames, extents, expected, stoppedAt: last.offset + end, dropped }
}

/** The slot that begins with a whole frame of that segment. */
function slotOf(slots: readonly SlotBytes[], salt: Buffer, segment: number): SlotBytes | undefined {
  return slots.find(({ bytes }) => readFrame(bytes, 0, salt)?.segment === segment)
}

/** What of commits that did not return lies at the end of the chain. */
function tornTail(slot: SlotBytes, from: number, salt: Buffer, segment: number): DroppedFrames | undefined {
  let end = from
  let frames = 0
  for (let at = from; at < slot.bytes.length; at += FRAME_ALIGNMENT) {
    if (
      !looksLikeFrame(slot.bytes, at, salt) ||
      slot.bytes.readUInt32LE(at + FRAME_FIELD_AT.segment) !== segment
    )
      continue
    frames++
    end = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES
  }
  if (frames === 0) return undefined
  const bytes = Math.min(end, slot.bytes.length) - from
  return {
    offset: slot.offset + from,
    bytes,
    frames,
    reason: 'written by commits that never returned, and not whole',
  }
}

/** The number of the first commit of a segment, if it is whole. */
function firstCommitOf(slots: readonly SlotBytes[], salt: Buffer, segment: number): number {
  const slot = slotOf(slots, salt, segment)
  const head = slot === undefined ? undefined : readFrame(slot.bytes, 0, salt)
  return head?.commitNumber ?? Number.POSITIVE_INFINITY
}

/** What whole frames of this segment or a later one say: the highest commit, and the highest that was synced. */
function knownFrom(
  slots: readonly SlotBytes[],
  salt: Buffer,
  segment: number,
): { readonly commit: number; readonly synced: number } {
  let commit = 0
  let synced = 0
  for (const { bytes } of slots) {
    for (const { head } of wholeFrames(bytes, salt)) {
      if (head.segment < segment) continue
      commit = Math.max(commit, head.commitNumber)
      synced = Math.max(synced, head.syncedCommit)
    }
  }
  return { commit, synced }
}

/** Whole frames wherever they begin, also behind damaged ones. */
function* wholeFrames(
  bytes: Buffer,
  salt: Buffer,
): Generator<{ readonly head: FrameHead; readonly at: number }> {
  for (let at = 0; at < bytes.length; ) {
    const head = readFrame(bytes, at, salt)
    if (head === undefined) {
      at += FRAME_ALIGNMENT
      continue
    }
    yield { head, at }
    at = frameEnd(at, head)
  }
}
