/**
 * Follows a journal that goes on: the frames behind those that were seen, in commit order.
 *
 *   JT1  frames are given once, without a gap. Where the journal let go of one that was not seen, `read` says so.
 *   JT2  a frame that is being written is not whole yet, and is given by a later call.
 *
 * The next frame is looked for where it must begin: in the same group, or on the next block. Where it is not there, because
 * the segment was left, the whole journal is scanned. Users: readers' indexes, backups, pinned readings.
 * What an opening store finds: journal-scan.ts.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
import type { Identity } from '../format/identity.ts'
import { FRAME_HEADER, roundToBlock } from '../format/journal-format.ts'
import { frameEnd, looksLikeFrame, readFrame } from './frame-read.ts'
import { type JournalFacts, readJournalHeader } from './journal-header.ts'
import { type Frame, framesBehind } from './journal-scan.ts'

/** Whose journal is followed. */
export interface JournalOwner {
  readonly platform: Platform
  readonly path: string
  readonly identity: Identity
}

/** Where a frame that was seen ends, as a file offset. */
interface TailPlace {
  readonly salt: string
  readonly segment: number
  readonly end: number
}

const READ_BYTES = 32 * 1024

export class JournalTail {
  readonly #owner: JournalOwner
  #commitNumber: number
  #place: TailPlace | undefined

  /**
   * @param commitNumber frames behind this commit are wanted
   * @param last the frame of that commit, where it was seen, and the salt of its journal
   */
  constructor(
    owner: JournalOwner,
    commitNumber: number,
    last?: { readonly frame: Frame; readonly salt: string },
  ) {
    this.#owner = owner
    this.#commitNumber = commitNumber
    if (last !== undefined) this.#place = placeBehind(last.frame, last.salt)
  }

  /** The commit whose frame was given last. */
  get commitNumber(): number {
    return this.#commitNumber
  }

  /**
   * The frames that follow, up to those of commit `upTo`.
   * @param upTo a commit that is known to be in the journal or in the file; Infinity: whatever is whole now
   * @returns undefined where a frame is missing, since the journal was ended or reused its room
   * @throws ERR_STRIDE_CORRUPT, _FORMAT_NEWER, _IO
   */
  read(upTo: number): readonly Frame[] | undefined {
    const { platform, path, identity } = this.#owner
    if (upTo <= this.#commitNumber) return []
    const journalPath = journalPathOf(path)
    if (!platform.exists(journalPath)) return upTo === Number.POSITIVE_INFINITY ? [] : undefined
    const file = platform.open(journalPath, { access: 'read', create: 'never' })
    try {
      const facts = readJournalHeader(file, identity)
      // The store's file was replaced: this is the journal of the next one.
      if (facts.generation !== identity.generation) return undefined
      const frames = this.#framesHere(file, facts, upTo)
      const reached = frames.at(-1)?.head.commitNumber ?? this.#commitNumber
      if (reached < upTo) {
        const others = framesBehind(file, facts, reached)
        if (others === undefined) return undefined
        for (const frame of others) if (frame.head.commitNumber <= upTo) frames.push(frame)
      }
      const last = frames.at(-1)
      if (upTo !== Number.POSITIVE_INFINITY && last?.head.commitNumber !== upTo) return undefined
      if (last !== undefined) {
        this.#commitNumber = last.head.commitNumber
        this.#place = placeBehind(last, facts.salt.toString('hex'))
      }
      return frames
    } finally {
      file.close()
    }
  }

  /** The frames behind the place, as far as they follow each other there. */
  #framesHere(file: PlatformFile, { salt }: JournalFacts, upTo: number): Frame[] {
    const frames: Frame[] = []
    const place = this.#place
    if (place === undefined || salt.toString('hex') !== place.salt) return frames
    let { end } = place
    for (let next = this.#commitNumber + 1; next <= upTo; next++) {
      const frame = frameAt(file, end, salt, next) ?? frameAt(file, roundToBlock(end), salt, next)
      if (frame === undefined || frame.head.segment !== place.segment) return frames
      frames.push(frame)
      end = frame.offset + frameEnd(frame.at, frame.head)
    }
    return frames
  }
}

function placeBehind({ head, offset, at }: Frame, salt: string): TailPlace {
  return { salt, segment: head.segment, end: offset + frameEnd(at, head) }
}

/** The frame of a commit, if it begins at this offset and is whole. */
function frameAt(file: PlatformFile, offset: number, salt: Buffer, commitNumber: number): Frame | undefined {
  let bytes = Buffer.allocUnsafe(READ_BYTES)
  bytes = bytes.subarray(0, file.read(bytes, offset))
  if (!looksLikeFrame(bytes, 0, salt) || !FRAME_HEADER.isIntact(bytes.subarray(0, FRAME_HEADER.size))) {
    return undefined
  }
  const { payloadBytes } = FRAME_HEADER.decode(bytes)
  const length = FRAME_HEADER.size + payloadBytes
  if (length > bytes.length && offset + length <= file.size()) {
    bytes = Buffer.allocUnsafe(length)
    file.read(bytes, offset)
  }
  const head = readFrame(bytes, 0, salt)
  return head?.commitNumber === commitNumber ? { head, bytes, at: 0, offset } : undefined
}
