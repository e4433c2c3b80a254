/**
 * Reads frames: is one whole, and what did it change?
 *
 *   J1  a frame is whole only if both its checksums are right and its salt is the journal's.
 *   J3  for any bytes, reading returns a frame or undefined. It never throws for them.
 *   FR1  work on a frame yields after some hundred kilobytes or some thousand changes, since a frame may have gigabytes.
 * Encoding frames: frame-encode.ts. Their changes: change-reader.ts, patch.ts. The chain of frames: frame-chain.ts.
 */

import { crc32 } from 'node:zlib'
import {
  FRAME_FIELD_AT as AT,
  CHANGE_HEAD_BYTES,
  FRAME_ALIGNMENT,
  FRAME_HEADER,
  FRAME_MAGIC,
} from '../format/journal-format.ts'
import { allSteps, type QuietSteps } from '../steps/steps.ts'
import { type Change, ChangeReader } from './change-reader.ts'
import { type FrameBytes, WholeBytes } from './frame-bytes.ts'
import { copyFrom } from './patch.ts'

const HEADER_BYTES = FRAME_HEADER.size
const COUNT_MAX = 2 ** 52
const BYTES_A_STEP = 512 * 1024
const CHANGES_A_STEP = 8192
/** Work on frames with few changes yields after so many frames. */
export const FRAMES_A_STEP = 512
const MAGIC = Buffer.alloc(4)
MAGIC.writeUInt32LE(FRAME_MAGIC)

/** The fields of a frame's header. */
export interface FrameHead {
  readonly segment: number
  readonly commitNumber: number
  readonly syncedCommit: number
  readonly size: number
  readonly deletedCount: number
  readonly appendStart: number
  readonly changeCount: number
  readonly payloadBytes: number
  readonly payloadCrc: number
  /** CRC-32 of the appended records that are in the data file only (in-place.ts), if `hasInPlaceCrc` is 1. */
  readonly inPlaceCrc: number
  readonly hasInPlaceCrc: number
}

/** A whole frame at position `at` of the bytes. */
export interface Frame {
  readonly head: FrameHead
  readonly bytes: FrameBytes
  readonly at: number
}

/** Whether the bytes at `at` have the magic and the salt of a frame of this journal. Checksums are not compared. */
export function looksLikeFrame(bytes: FrameBytes, at: number, end: number, salt: Buffer): boolean {
  if (at + HEADER_BYTES > Math.min(end, bytes.size)) return false
  const { view } = bytes.find(at, HEADER_BYTES)
  const start = bytes.at
  return (
    view.getUint32(start + AT.magic, true) === FRAME_MAGIC &&
    view.getUint32(start + AT.salt, true) === salt.readUInt32LE(0) &&
    view.getUint32(start + AT.salt + 4, true) === salt.readUInt32LE(4)
  )
}

/** The next position from `at` on with a frame's magic. If the memory at hand has none, the position to continue from, at most `end`. */
export function nextMagic(bytes: FrameBytes, at: number, end: number): number {
  const length = Math.min(end - at, bytes.stretchAt(at))
  const { bytes: found } = bytes.find(at, length)
  const start = bytes.at
  for (let p = start; ; p++) {
    p = found.indexOf(MAGIC, p)
    if (p < 0 || p >= start + length) return at + length
    const place = at + p - start
    if (place % FRAME_ALIGNMENT === 0) return place
  }
}

/** The header at `at`, of a frame that is known to be whole. */
export function headAt(bytes: FrameBytes, at: number): FrameHead {
  const { view } = bytes.find(at, HEADER_BYTES)
  const p = bytes.at
  return {
    segment: view.getUint32(p + AT.segment, true),
    commitNumber: u64(view, p + AT.commitNumber),
    syncedCommit: u64(view, p + AT.syncedCommit),
    size: u64(view, p + AT.size),
    deletedCount: u64(view, p + AT.deletedCount),
    appendStart: u64(view, p + AT.appendStart),
    changeCount: u64(view, p + AT.changeCount),
    payloadBytes: u64(view, p + AT.payloadBytes),
    payloadCrc: view.getUint32(p + AT.payloadCrc, true),
    inPlaceCrc: view.getUint32(p + AT.inPlaceCrc, true),
    hasInPlaceCrc: view.getUint32(p + AT.hasInPlaceCrc, true),
  }
}

function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

/** The intact header of a frame of this journal at `at` that ends by `end`. The payload is not checked. */
export function readHead(bytes: FrameBytes, at: number, end: number, salt: Buffer): FrameHead | undefined {
  if (!looksLikeFrame(bytes, at, end, salt)) return undefined
  const memory = bytes.find(at, HEADER_BYTES)
  if (!FRAME_HEADER.isIntact(memory.bytes.subarray(bytes.at, bytes.at + HEADER_BYTES))) return undefined
  const head = headAt(bytes, at)
  return makesSense(head) && at + HEADER_BYTES + head.payloadBytes <= end ? head : undefined
}

/** The header of the whole frame of this journal at `at` that ends by `end`; undefined if there is none. */
export function* wholeFrame(
  bytes: FrameBytes,
  at: number,
  end: number,
  salt: Buffer,
): QuietSteps<FrameHead | undefined> {
  const head = readHead(bytes, at, end, salt)
  if (head === undefined) return undefined
  let crc = 0
  let unyielded = 0
  const payloadEnd = at + HEADER_BYTES + head.payloadBytes
  for (let p = at + HEADER_BYTES; p < payloadEnd; ) {
    const length = Math.min(payloadEnd - p, bytes.stretchAt(p))
    const memory = bytes.find(p, length)
    crc = crc32(memory.bytes.subarray(bytes.at, bytes.at + length), crc)
    p += length
    unyielded += length
    if (unyielded < BYTES_A_STEP) continue
    unyielded = 0
    yield
  }
  return crc === head.payloadCrc ? head : undefined
}

/** Like `wholeFrame`, at once and in memory. */
export function readFrame(bytes: Buffer, at: number, salt: Buffer): FrameHead | undefined {
  return allSteps(wholeFrame(new WholeBytes(bytes), at, bytes.length, salt))
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

/** The count of changes and appended images of a frame. Even for a wrong header, no more than its payload has room for. */
export function changesOf(
  { changeCount, size, appendStart, payloadBytes }: FrameHead,
  recordSize: number,
): number {
  return changeCount + Math.min(size - appendStart, Math.floor(payloadBytes / recordSize))
}

/** The end of a frame that starts at `at`. The next frame of its group starts there. */
export function frameEnd(at: number, head: FrameHead): number {
  return Math.ceil((at + HEADER_BYTES + head.payloadBytes) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT
}

/**
 * Visits the changes of a whole frame in their order, appended records first. Each visit gets the same object, since a frame may have
 * millions of changes.
 * @returns false if the payload contradicts the header despite right checksums; some changes may have been visited
 */
export function* changesInSteps(
  { bytes, at: frameAt, head }: Frame,
  recordSize: number,
  visit: (change: Change) => void,
): QuietSteps<boolean> {
  const change = new ChangeReader(bytes, recordSize)
  let p = frameAt + HEADER_BYTES
  const end = p + head.payloadBytes
  if (head.appendStart > head.size || (head.size - head.appendStart) * recordSize > end - p) return false
  for (let n = head.appendStart; n < head.size; n++) {
    p = change.readAppended(n, p)
    visit(change)
    if ((n - head.appendStart) % CHANGES_A_STEP === CHANGES_A_STEP - 1) yield
  }
  for (let i = 0; i < head.changeCount; i++) {
    p = change.read(p, end)
    if (p < 0 || change.recordNumber >= head.size) return false
    visit(change)
    if (i % CHANGES_A_STEP === CHANGES_A_STEP - 1) yield
  }
  return p === end
}

/** Like `changesInSteps`, at once. */
export function visitChanges(frame: Frame, recordSize: number, visit: (change: Change) => void): boolean {
  return allSteps(changesInSteps(frame, recordSize, visit))
}

/** A copy of the frame in memory of its own. */
export function copyFrame({ bytes, at, head }: Frame): Frame {
  const copy = Buffer.allocUnsafeSlow(HEADER_BYTES + head.payloadBytes)
  copyFrom(bytes, at, copy)
  return { head, bytes: new WholeBytes(copy), at: 0 }
}
