/**
 * Frames read back: whether one is whole, and what it changed.
 *
 *   J1  a frame counts only if both its checksums are right and its salt is the journal's.
 *   J3  whatever the bytes are, reading ends with a frame, with nothing, or with undefined; it never throws for them.
 *   FR1  work on a frame stops after some hundred kilobytes or some thousand changes: a frame may hold gigabytes.
 * How they were made: frame-encode.ts. Their changes: change-reader.ts, patch.ts. Which of them follow on each other: journal-scan.ts.
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
/** Of frames with few changes. */
export const FRAMES_A_STEP = 512
const MAGIC = Buffer.alloc(4)
MAGIC.writeUInt32LE(FRAME_MAGIC)

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
  readonly payloadCrc: number
  /** CRC-32 of the new records that lie in the file alone (in-place.ts), where `hasInPlaceCrc` is 1. */
  readonly inPlaceCrc: number
  readonly hasInPlaceCrc: number
}

/** A whole frame, and the bytes that it lies in. */
export interface Frame {
  readonly head: FrameHead
  readonly bytes: FrameBytes
  readonly at: number
}

/** Whether the bytes at `at` claim to be a frame of this journal, whatever their checksums say. */
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

/** The first place from `at` on where a frame's magic stands, or where to go on looking: at most `end`. */
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

/** The header at `at`, of a frame that is whole. */
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

/** The header of a frame of this journal at `at` that is right, and whose payload ends before `end`, whatever that is. */
export function readHead(bytes: FrameBytes, at: number, end: number, salt: Buffer): FrameHead | undefined {
  if (!looksLikeFrame(bytes, at, end, salt)) return undefined
  const memory = bytes.find(at, HEADER_BYTES)
  if (!FRAME_HEADER.isIntact(memory.bytes.subarray(bytes.at, bytes.at + HEADER_BYTES))) return undefined
  const head = headAt(bytes, at)
  return makesSense(head) && at + HEADER_BYTES + head.payloadBytes <= end ? head : undefined
}

/** The header of a whole frame of this journal at `at`, below `end`; undefined where there is none. */
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

/** The same at once, in memory. */
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

/**
 * Calls with each change of a whole frame, appended records first, in the order in which they count. The change is the same
 * object each time: a frame may hold millions.
 * @returns false where the payload contradicts its header, which no right checksum lets happen; some calls came before then
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

/** The same at once. */
export function visitChanges(frame: Frame, recordSize: number, visit: (change: Change) => void): boolean {
  return allSteps(changesInSteps(frame, recordSize, visit))
}

/** The same frame in memory of its own. */
export function copyFrame({ bytes, at, head }: Frame): Frame {
  const copy = Buffer.allocUnsafeSlow(HEADER_BYTES + head.payloadBytes)
  copyFrom(bytes, at, copy)
  return { head, bytes: new WholeBytes(copy), at: 0 }
}
