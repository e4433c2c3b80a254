/**
 * Frames read back: whether one is whole, and what it changed.
 *
 *   J1  a frame counts only if both its checksums are right and its salt is the journal's.
 *   J3  whatever the bytes are, reading ends with a frame, with nothing, or with undefined; it never throws.
 * How they were made: frame-encode.ts. Which of them follow on each other: journal-scan.ts.
 */

import { crc32 } from 'node:zlib'
import {
  FRAME_FIELD_AT as AT,
  CHANGE_HEAD_BYTES,
  CHANGE_KINDS,
  FRAME_ALIGNMENT,
  FRAME_HEADER,
  FRAME_MAGIC,
  SPAN_HEAD_BYTES,
} from './journal-format.ts'

const HEADER_BYTES = FRAME_HEADER.size
const NUMBER_HIGH_MASK = 0xffffff
const COUNT_MAX = 2 ** 52

/** What a frame's header says. */
export interface FrameHead {
  readonly segment: number
  readonly commitNumber: number
  readonly syncedCommit: number
  readonly size: number
  readonly deletedCount: number
  readonly appendStart: number
  readonly changeCount: number
  readonly payloadBytes: number
}

/** Whether the bytes at `at` claim to be a frame of this journal, whatever their checksums say. */
export function looksLikeFrame(bytes: Buffer, at: number, salt: Uint8Array): boolean {
  return (
    at + HEADER_BYTES <= bytes.length &&
    bytes.readUInt32LE(at + AT.magic) === FRAME_MAGIC &&
    Buffer.compare(bytes.subarray(at + AT.salt, at + AT.salt + salt.length), salt) === 0
  )
}

/** The header of a whole frame of this journal at `at`; undefined where there is none. */
export function readFrame(bytes: Buffer, at: number, salt: Uint8Array): FrameHead | undefined {
  if (!looksLikeFrame(bytes, at, salt)) return undefined
  const header = bytes.subarray(at, at + HEADER_BYTES)
  if (!FRAME_HEADER.isIntact(header)) return undefined
  const head = FRAME_HEADER.decode(header)
  if (!makesSense(head)) return undefined
  const payload = at + HEADER_BYTES
  if (payload + head.payloadBytes > bytes.length) return undefined
  return crc32(bytes.subarray(payload, payload + head.payloadBytes)) === head.payloadCrc ? head : undefined
}

function makesSense(head: FrameHead): boolean {
  const { commitNumber, syncedCommit, size, deletedCount, appendStart, changeCount } = head
  return (
    commitNumber < COUNT_MAX &&
    syncedCommit < commitNumber &&
    size < COUNT_MAX &&
    deletedCount <= size &&
    appendStart <= size &&
    changeCount < COUNT_MAX
  )
}

/** Where a frame that starts at `at` ends: the next of its group starts there. */
export function frameEnd(at: number, head: FrameHead): number {
  return Math.ceil((at + HEADER_BYTES + head.payloadBytes) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT
}

/** What happened to one record; positions of images in the frame's bytes, -1 for none. */
export interface Change {
  readonly recordNumber: number
  readonly isDeleted: boolean
  /** The image that is there from now on. */
  readonly imageAt: number
  /** A whole replaced image, where the frame has it whole. */
  readonly replacedAt: number
  /** The part of the replaced image that differs from the new one. */
  readonly spanAt: number
  readonly spanStart: number
  readonly spanBytes: number
}

/**
 * The changes of a whole frame, appended records first, in the order in which they count.
 * @returns undefined where the payload contradicts its header, which no right checksum lets happen
 */
export function readChanges(
  bytes: Buffer,
  at: number,
  head: FrameHead,
  recordSize: number,
): readonly Change[] | undefined {
  const changes: Change[] = []
  let p = at + HEADER_BYTES
  const end = p + head.payloadBytes
  const none = { replacedAt: -1, spanAt: -1, spanStart: 0, spanBytes: 0 }
  if (head.appendStart > head.size || (head.size - head.appendStart) * recordSize > end - p) return undefined
  for (let n = head.appendStart; n < head.size; n++) {
    changes.push({ recordNumber: n, isDeleted: false, imageAt: p, ...none })
    p += recordSize
  }
  for (let i = 0; i < head.changeCount; i++) {
    if (p + CHANGE_HEAD_BYTES > end) return undefined
    const high = bytes.readUInt32LE(p + 4)
    const recordNumber = bytes.readUInt32LE(p) + (high & NUMBER_HIGH_MASK) * 2 ** 32
    const kind = high >>> 24
    p += CHANGE_HEAD_BYTES
    if (recordNumber >= head.size) return undefined
    if (kind === CHANGE_KINDS.skip) {
      changes.push({ recordNumber, isDeleted: true, imageAt: -1, ...none })
      continue
    }
    const image = p
    p += recordSize
    if (p > end) return undefined
    if (kind === CHANGE_KINDS.delete) {
      changes.push({ recordNumber, isDeleted: true, imageAt: -1, ...none, replacedAt: image })
    } else if (kind === CHANGE_KINDS.insert) {
      changes.push({ recordNumber, isDeleted: false, imageAt: image, ...none })
    } else if (kind === CHANGE_KINDS.update) {
      if (p + SPAN_HEAD_BYTES > end) return undefined
      const spanStart = bytes.readUInt32LE(p)
      const spanBytes = bytes.readUInt32LE(p + 4)
      p += SPAN_HEAD_BYTES
      if (spanStart + spanBytes > recordSize || p + spanBytes > end) return undefined
      const span = { replacedAt: -1, spanAt: p, spanStart, spanBytes }
      changes.push({ recordNumber, isDeleted: false, imageAt: image, ...span })
      p += spanBytes
    } else {
      return undefined
    }
  }
  return p === end ? changes : undefined
}

/** What a record was before a commit; undefined: it was not there. */
export interface Replaced {
  readonly recordNumber: number
  readonly image: Buffer | undefined
}

/** What the frame that starts at `at`, not yet sealed perhaps, replaced. */
export function replacedBy(bytes: Buffer, at: number, recordSize: number): readonly Replaced[] {
  const head = FRAME_HEADER.decode(bytes.subarray(at, at + HEADER_BYTES))
  const changes = readChanges(bytes, at, head, recordSize) ?? []
  return changes.map(change => ({
    recordNumber: change.recordNumber,
    image: replacedImage(bytes, change, recordSize),
  }))
}

/** The image that a change replaced, a copy; undefined where there was none. */
export function replacedImage(bytes: Buffer, change: Change, recordSize: number): Buffer | undefined {
  if (change.replacedAt >= 0)
    return Buffer.from(bytes.subarray(change.replacedAt, change.replacedAt + recordSize))
  if (change.spanAt < 0) return undefined
  const image = Buffer.from(bytes.subarray(change.imageAt, change.imageAt + recordSize))
  bytes.copy(image, change.spanStart, change.spanAt, change.spanAt + change.spanBytes)
  return image
}
