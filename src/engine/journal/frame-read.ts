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
} from '../format/journal-format.ts'

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
  /** CRC-32 of the new records that lie in the file alone (in-place.ts), where `hasInPlaceCrc` is 1. */
  readonly inPlaceCrc: number
  readonly hasInPlaceCrc: number
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
  const { commitNumber, syncedCommit, size, deletedCount, appendStart, changeCount, payloadBytes } = head
  return (
    commitNumber < COUNT_MAX &&
    syncedCommit < commitNumber &&
    size < COUNT_MAX &&
    deletedCount <= size &&
    appendStart <= size &&
    changeCount * CHANGE_HEAD_BYTES <= payloadBytes
  )
}

/** How many changes and appended images a frame has, whatever a wrong header says: no more than its payload holds. */
export function changesOf(
  { changeCount, size, appendStart, payloadBytes }: FrameHead,
  recordSize: number,
): number {
  return changeCount + Math.min(size - appendStart, Math.floor(payloadBytes / recordSize))
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
 * Calls with each change of a whole frame, appended records first, in the order in which they count. The change is the same
 * object each time: a frame may hold millions.
 * @returns false where the payload contradicts its header, which no right checksum lets happen; some calls came before then
 */
export function visitChanges(
  bytes: Buffer,
  frameAt: number,
  head: FrameHead,
  recordSize: number,
  visit: (change: Change) => void,
): boolean {
  const change = {
    recordNumber: 0,
    isDeleted: false,
    imageAt: -1,
    replacedAt: -1,
    spanAt: -1,
    spanStart: 0,
    spanBytes: 0,
  }
  let p = frameAt + HEADER_BYTES
  const end = p + head.payloadBytes
  if (head.appendStart > head.size || (head.size - head.appendStart) * recordSize > end - p) return false
  for (let n = head.appendStart; n < head.size; n++) {
    change.recordNumber = n
    change.imageAt = p
    visit(change)
    p += recordSize
  }
  for (let i = 0; i < head.changeCount; i++) {
    if (p + CHANGE_HEAD_BYTES > end) return false
    const high = bytes.readUInt32LE(p + 4)
    const kind = high >>> 24
    change.recordNumber = bytes.readUInt32LE(p) + (high & NUMBER_HIGH_MASK) * 2 ** 32
    p += CHANGE_HEAD_BYTES
    if (change.recordNumber >= head.size) return false
    change.isDeleted = kind === CHANGE_KINDS.skip || kind === CHANGE_KINDS.delete
    change.imageAt = change.replacedAt = change.spanAt = -1
    if (kind !== CHANGE_KINDS.skip) {
      if (kind === CHANGE_KINDS.delete) change.replacedAt = p
      else change.imageAt = p
      p += recordSize
      if (p > end) return false
    }
    if (kind === CHANGE_KINDS.update) {
      if (p + SPAN_HEAD_BYTES > end) return false
      change.spanStart = bytes.readUInt32LE(p)
      change.spanBytes = bytes.readUInt32LE(p + 4)
      p += SPAN_HEAD_BYTES
      if (change.spanStart + change.spanBytes > recordSize || p + change.spanBytes > end) return false
      change.spanAt = p
      p += change.spanBytes
    } else if (kind !== CHANGE_KINDS.skip && kind !== CHANGE_KINDS.delete && kind !== CHANGE_KINDS.insert) {
      return false
    }
    visit(change)
  }
  return p === end
}

/** Copies the image that a change replaced to the start of `target`. @returns whether there was one */
export function copyReplaced(bytes: Buffer, change: Change, recordSize: number, target: Buffer): boolean {
  const baseAt = replacedBaseOf(change)
  if (baseAt < 0) return false
  copyReplacedAt(bytes, baseAt, change.spanAt, target.subarray(0, recordSize))
  return true
}

/** Where the image lies that the replaced one is made of, as a change has it: itself, or the new one; -1 for none. */
export function replacedBaseOf({ imageAt, replacedAt, spanAt }: Change): number {
  return spanAt >= 0 ? imageAt : replacedAt
}

/** Copies a replaced image: the one at `baseAt`, but for the span at `spanAt`, if there is one. */
export function copyReplacedAt(bytes: Buffer, baseAt: number, spanAt: number, target: Buffer): void {
  bytes.copy(target, 0, baseAt, baseAt + target.length)
  if (spanAt < 0) return
  const spanStart = bytes.readUInt32LE(spanAt - SPAN_HEAD_BYTES)
  const spanBytes = bytes.readUInt32LE(spanAt - SPAN_HEAD_BYTES + 4)
  bytes.copy(target, spanStart, spanAt, spanAt + spanBytes)
}

/** Calls with what the frame that starts at `at`, not yet sealed perhaps, replaced; no image: the record was not there. */
export function visitReplaced(
  bytes: Buffer,
  at: number,
  recordSize: number,
  visit: (recordNumber: number, image: Buffer | undefined) => void,
): void {
  const head = FRAME_HEADER.decode(bytes.subarray(at, at + HEADER_BYTES))
  const image = Buffer.alloc(recordSize)
  visitChanges(bytes, at, head, recordSize, change => {
    visit(change.recordNumber, copyReplaced(bytes, change, recordSize, image) ? image : undefined)
  })
}
