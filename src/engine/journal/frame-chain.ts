/**
 * Follows the chain of frames in a journal, from commit to commit and from segment to segment, up to the first that is not whole.
 *
 * The start of the chain, and what its end means: journal-scan.ts. The content of a frame: frame-read.ts.
 */

import { corrupt } from '../format/identity.ts'
import { BLOCK_BYTES, roundToBlock } from '../format/journal-format.ts'
import type { Root } from '../format/root.ts'
import type { QuietSteps } from '../steps/steps.ts'
import {
  changesOf,
  type Frame,
  type FrameHead,
  frameEnd,
  headAt,
  looksLikeFrame,
  wholeFrame,
} from './frame-read.ts'
import type { JournalBytes } from './journal-bytes.ts'

const BYTES_A_STEP = 256 * 1024

/** A range of the journal's file. */
export interface Extent {
  readonly offset: number
  readonly end: number
}

/** Appended records [start, end) of a commit whose images are in the data file only. */
export interface InPlaceRecords {
  readonly commitNumber: number
  readonly start: number
  readonly end: number
  readonly crc: number
}

export class ChainReader {
  readonly #bytes: JournalBytes
  readonly #slots: readonly Extent[]
  readonly #salt: Buffer
  readonly #root: Root
  readonly #recordSize: number
  /** The first frame of each slot, if it is whole. */
  #firsts: (FrameHead | undefined)[] = []
  /** From the slot's start to the end of its last frame. */
  readonly extents: { readonly offset: number; end: number }[] = []
  readonly inPlace: InPlaceRecords[] = []
  commits = 0
  last: FrameHead | undefined
  changes = 0
  /** The highest `syncedCommit` of the frames. */
  synced = 0
  /** The number of the next commit, the position at which its frame would begin, and the end of the slot there. */
  expected = 0
  stoppedAt = 0
  slotEnd = 0
  /** The last segment that was followed. */
  segment = 0

  constructor(bytes: JournalBytes, slots: readonly Extent[], salt: Buffer, root: Root, recordSize: number) {
    this.#bytes = bytes
    this.#slots = slots
    this.#salt = salt
    this.#root = root
    this.#recordSize = recordSize
  }

  *read(path: string): QuietSteps<void> {
    const { commitNumber, journalOffset, journalSegment } = this.#root
    const named = this.#slots.find(({ offset, end }) => offset === journalOffset && end - offset >= BLOCK_BYTES)
    if (named === undefined) throw corrupt(path, journalOffset, 'the segment that the root names is not there')
    this.stoppedAt = named.offset
    this.slotEnd = named.end
    this.segment = journalSegment
    yield* this.#readFirsts()
    // The root's segment may begin with commits that the root counts already.
    const first = this.#firsts[this.#slotWith(journalSegment)]
    this.expected = Math.min(commitNumber + 1, first?.commitNumber ?? Number.POSITIVE_INFINITY)
    // Segment numbers have no gaps: if a segment was left without a frame, the next one got its number, in any slot.
    for (let next = journalSegment; yield* this.#follow(next); next++) this.segment = next
  }

  /** Continues where it stopped, since a live writer may have written more frames. */
  *resume(): QuietSteps<void> {
    this.#bytes.refresh(this.stoppedAt)
    for (const { offset } of this.#slots) this.#bytes.refresh(offset)
    yield* this.#readFirsts()
    yield* this.#follow(this.segment)
    for (let next = this.segment + 1; yield* this.#follow(next); next++) this.segment = next
  }

  *#readFirsts(): QuietSteps<void> {
    this.#firsts = []
    for (const { offset, end } of this.#slots) {
      this.#firsts.push(yield* wholeFrame(this.#bytes, offset, end, this.#salt))
    }
  }

  /** The slot whose first frame is whole and of that segment; -1 if there is none. */
  #slotWith(segment: number): number {
    return this.#firsts.findIndex(head => head?.segment === segment)
  }

  /** Follows one segment from its last known frame on. @returns whether it found further frames */
  *#follow(segment: number): QuietSteps<boolean> {
    const i = this.#slotWith(segment)
    const slot = this.#slots[i]
    if (slot === undefined) return false
    const { offset, end } = slot
    const bytes = this.#bytes
    const salt = this.#salt
    const before = this.extents.find(extent => extent.offset === offset)
    let at = before?.end ?? offset
    let reached = at
    let unyielded = 0
    let head = at === offset ? this.#firsts[i] : yield* wholeFrame(bytes, at, end, salt)
    for (; ; head = yield* wholeFrame(bytes, at, end, salt)) {
      if (head !== undefined && head.segment === segment && head.commitNumber === this.expected) {
        this.#add(head)
        unyielded += frameEnd(at, head) - at
        reached = at = frameEnd(at, head)
        if (unyielded < BYTES_A_STEP) continue
        unyielded = 0
        yield
      } else if (at % BLOCK_BYTES !== 0 && !looksLikeFrame(bytes, at, end, salt)) {
        at = roundToBlock(at)
      } else {
        break
      }
    }
    if (reached === (before?.end ?? offset)) return false
    if (before === undefined) this.extents.push({ offset, end: reached })
    else before.end = reached
    this.stoppedAt = at
    this.slotEnd = end
    return true
  }

  #add(head: FrameHead): void {
    this.expected++
    this.synced = Math.max(this.synced, head.syncedCommit)
    const { commitNumber, appendStart, inPlaceCrc: crc } = head
    if (commitNumber <= this.#root.commitNumber) return
    const start = this.last?.size ?? this.#root.size
    if (head.hasInPlaceCrc === 1 && start < appendStart) {
      this.inPlace.push({ commitNumber, start, end: appendStart, crc })
    }
    this.commits++
    this.changes += changesOf(head, this.#recordSize)
    this.last = head
  }
}

/** The frames of commits above `after` in scanned extents. */
export function* framesOf(
  bytes: JournalBytes,
  extents: readonly Extent[],
  salt: Buffer,
  after: number,
): Generator<Frame, void, void> {
  for (const { offset, end } of extents) {
    for (let at = offset; at < end; ) {
      if (!looksLikeFrame(bytes, at, end, salt)) {
        at = roundToBlock(at + 1)
        continue
      }
      const head = headAt(bytes, at)
      if (head.commitNumber > after) yield { head, bytes, at }
      at = frameEnd(at, head)
    }
  }
}
