/**
 * Follows the journal of a live writer, and reads new frames in commit order.
 *
 *   JT1  each frame is returned once, without a gap. If a frame was overwritten before it was read, `read` returns undefined.
 *   JT2  a frame that is being written is not whole yet, and is returned by a later call.
 *
 * The next frame begins in the same group or on the next block. If it is not there, because the segment was left, the whole journal is
 * scanned. Users: readers' indexes, backups, pinned readings. Reading a journal when a store is opened: journal-scan.ts.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
import type { Identity } from '../format/identity.ts'
import { FRAME_HEADER, roundToBlock } from '../format/journal-format.ts'
import { allSteps } from '../steps/steps.ts'
import { WholeBytes } from './frame-bytes.ts'
import { frameEnd, readHead, wholeFrame } from './frame-read.ts'
import { type JournalFacts, readJournalHeader } from './journal-header.ts'
import { framesBehind, type PlacedFrame } from './journal-scan.ts'

/** Whose journal is followed. */
export interface JournalOwner {
  readonly platform: Platform
  readonly path: string
  readonly identity: Identity
}

/** The end of the last frame that was read, as a file offset. */
export interface TailPlace {
  readonly salt: string
  readonly segment: number
  readonly end: number
}

export class JournalTail {
  readonly #owner: JournalOwner
  readonly #journalPath: string
  #commitNumber: number
  #place: TailPlace | undefined

  /**
   * @param commitNumber the frames after this commit are read
   * @param place the end of that commit's frame, if known
   * @param journalPath another file with frames of the store
   */
  constructor(
    owner: JournalOwner,
    commitNumber: number,
    place?: TailPlace,
    journalPath = journalPathOf(owner.path),
  ) {
    this.#owner = owner
    this.#journalPath = journalPath
    this.#commitNumber = commitNumber
    this.#place = place
  }

  /** The commit of the frame that was returned last. */
  get commitNumber(): number {
    return this.#commitNumber
  }

  /**
   * The next frames, up to that of commit `upTo`.
   * @param upTo a commit that is known to be in the journal or in the file; Infinity: all frames that are whole now
   * @returns undefined if a frame is missing, because the journal was ended or its slot was reused
   * @throws ERR_STRIDE_CORRUPT, _FORMAT_NEWER, _IO
   */
  read(upTo: number): readonly PlacedFrame[] | undefined {
    const { platform, identity } = this.#owner
    const journalPath = this.#journalPath
    if (upTo <= this.#commitNumber) return []
    if (!platform.exists(journalPath)) return upTo === Number.POSITIVE_INFINITY ? [] : undefined
    const file = platform.open(journalPath, { access: 'read', create: 'never' })
    try {
      const facts = readJournalHeader(file, identity)
      // The store's file was replaced, and this is the new file's journal.
      if (facts.generation !== identity.generation) return undefined
      const frames = this.#framesHere(file, facts, upTo)
      const reached = frames.at(-1)?.head.commitNumber ?? this.#commitNumber
      if (reached < upTo) {
        const others = allSteps(framesBehind(file, facts, reached))
        if (others === undefined) return undefined
        for (const frame of others) if (frame.head.commitNumber <= upTo) frames.push(frame)
      }
      const last = frames.at(-1)
      if (upTo !== Number.POSITIVE_INFINITY && last?.head.commitNumber !== upTo) return undefined
      if (last !== undefined) {
        this.#commitNumber = last.head.commitNumber
        this.#place = { salt: facts.salt.toString('hex'), segment: last.head.segment, end: last.end }
      }
      return frames
    } finally {
      file.close()
    }
  }

  /** The frames that follow each other from the known place on. */
  #framesHere(file: PlatformFile, { salt }: JournalFacts, upTo: number): PlacedFrame[] {
    const frames: PlacedFrame[] = []
    const place = this.#place
    if (place === undefined || salt.toString('hex') !== place.salt) return frames
    let { end } = place
    for (let next = this.#commitNumber + 1; next <= upTo; next++) {
      const frame = frameAt(file, end, salt, next) ?? frameAt(file, roundToBlock(end), salt, next)
      if (frame === undefined || frame.head.segment !== place.segment) return frames
      frames.push(frame)
      end = frame.end
    }
    return frames
  }
}

/** The frame of a commit, if it begins at this offset and is whole. */
function frameAt(
  file: PlatformFile,
  offset: number,
  salt: Buffer,
  commitNumber: number,
): PlacedFrame | undefined {
  const head = readHead(bytesAt(file, offset, FRAME_HEADER.size), 0, Number.POSITIVE_INFINITY, salt)
  if (head?.commitNumber !== commitNumber) return undefined
  const length = FRAME_HEADER.size + head.payloadBytes
  if (offset + length > file.size()) return undefined
  const bytes = bytesAt(file, offset, length)
  const whole = allSteps(wholeFrame(bytes, 0, bytes.size, salt))
  if (whole?.commitNumber !== commitNumber) return undefined
  return { head: whole, bytes, at: 0, end: frameEnd(offset, whole) }
}

function bytesAt(file: PlatformFile, offset: number, length: number): WholeBytes {
  const bytes = Buffer.allocUnsafe(length)
  return new WholeBytes(bytes.subarray(0, file.read(bytes, offset)))
}
