/**
 * Encodes one commit as a frame: the changes with their new bytes and the bytes that they replace.
 *
 *   J2  replay takes every changed byte from the frames. Bytes outside a patch are equal before and after the change, so replay applies
 *       patches to the record in the file, and repairs a torn record.
 *   J4  a patch that changes a byte of an index key contains all bytes of that key, so indexes find both keys in the frame alone.
 * The format: journal-format.ts. Writing frames: journal.ts. Reading them: frame-read.ts, patch.ts.
 */

import { crc32 } from 'node:zlib'
import { InvariantError } from '../../errors.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import {
  FRAME_FIELD_AT as AT,
  CHANGE_HEAD_BYTES,
  CHANGE_KINDS,
  FRAME_ALIGNMENT,
  FRAME_HEADER,
  FRAME_MAGIC,
  PATCH_HEAD_BYTES,
  RANGE_HEAD_BYTES,
  SPAN_HEAD_BYTES,
} from '../format/journal-format.ts'
import type { FrameHead } from './frame-read.ts'

const HEADER_BYTES = FRAME_HEADER.size
const KIND_SHIFT = 2 ** 24

const CRC_AT = HEADER_BYTES - 4

/** The frames of commits that are written together. */
export class FrameGroup {
  bytes: Buffer
  view: DataView
  length = 0

  constructor(capacity = 8 * 1024) {
    this.bytes = Buffer.alloc(capacity)
    this.view = viewOf(this.bytes)
  }

  /** Makes room for `bytes` more bytes. */
  reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.bytes.length) return
    const old = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(Math.max(needed, old.length * 2))
    old.copy(this.bytes, 0, 0, this.length)
    this.view = viewOf(this.bytes)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

const NO_GROUP = new FrameGroup(0)

/** The header's fields that are known when the commit is sealed. `end` computes others, and `sealFrame` sets the rest. */
type KnownAtSeal = Pick<FrameHead, 'commitNumber' | 'size' | 'deletedCount' | 'appendStart'> & {
  /** CRC-32 of the appended records that have no image in the frame; undefined if there are none. */
  readonly inPlaceCrc: number | undefined
}

/** The most bytes that a frame with so many changes and appended images takes, including its header. */
export function frameBytesMax(changes: number, appended: number, recordSize: number): number {
  const perChange = CHANGE_HEAD_BYTES + SPAN_HEAD_BYTES + 2 * recordSize
  return HEADER_BYTES + changes * perChange + appended * recordSize + FRAME_ALIGNMENT
}

/** Bytes [start, end) of a record. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** The bytes that make up each key. */
export type KeySpans = readonly (readonly ByteSpan[])[]

/** Ranges with at most so many equal words between them are joined, since the head of a range takes two words. */
const GAP_WORDS = 2

/** Encodes one frame at the end of a group: `begin`, then changes in ascending order, then `end`. */
export class FrameEncoder {
  readonly #recordSize: number
  /** 1 for each word of the present record that the patch contains. */
  readonly #differs: Uint8Array
  /** The words of each key. */
  #keys: readonly Uint32Array[] = []
  #spans: KeySpans = []
  #group: FrameGroup = NO_GROUP
  #start = 0
  #at = 0
  #changes = 0

  constructor(recordSize: number) {
    this.#recordSize = recordSize
    this.#differs = new Uint8Array(Math.ceil(recordSize / 4))
  }

  /** Starts a frame of at most `bytesMax` bytes (frameBytesMax). @param spans the keys of the store's indexes */
  begin(group: FrameGroup, bytesMax: number, spans: KeySpans): void {
    if (spans !== this.#spans) {
      this.#keys = spans.map(wordsOf)
      this.#spans = spans
    }
    group.reserve(bytesMax)
    this.#group = group
    this.#start = group.length
    this.#at = group.length + HEADER_BYTES
    this.#changes = 0
  }

  /** The position of the next change in the group. */
  get place(): number {
    return this.#at
  }

  /** Adds appended images. Called before any change. */
  appended(images: Uint8Array): void {
    this.#group.bytes.set(images, this.#at)
    this.#at += images.length
  }

  /**
   * Adds an update: the image at `at` replaces the one at `replacedAt` in `replaced`.
   * @param checksum the new image's entry in the checksum table; 0 if there is no table
   */
  update(
    n: number,
    image: RecordBytes,
    at: number,
    replaced: RecordBytes,
    replacedAt: number,
    checksum: number,
  ): void {
    const start = this.#at
    this.#head(n, CHANGE_KINDS.patch)
    this.#compare(image.view as DataView, at, replaced.view as DataView, replacedAt)
    if (this.#patch(image, at, replaced, replacedAt, checksum)) return
    this.#at = start
    this.#changes--
    this.#head(n, CHANGE_KINDS.update)
    this.#image(image, at)
    this.#span(image, at, replaced, replacedAt)
  }
  insert(n: number, image: RecordBytes, at: number): void {
    this.#head(n, CHANGE_KINDS.insert)
    this.#image(image, at)
  }
  delete(n: number, replaced: RecordBytes, at: number): void {
    this.#head(n, CHANGE_KINDS.delete)
    this.#image(replaced, at)
  }
  skip(n: number): void {
    this.#head(n, CHANGE_KINDS.skip)
  }

  /** Finishes the frame, except for the fields that `sealFrame` sets. @returns its size in bytes, with padding */
  end(head: KnownAtSeal): number {
    const { view, bytes } = this.#group
    const payload = this.#start + HEADER_BYTES
    const end = Math.ceil(this.#at / FRAME_ALIGNMENT) * FRAME_ALIGNMENT
    bytes.fill(0, this.#at, end)
    const start = this.#start
    bytes.fill(0, start, payload)
    view.setUint32(start + AT.magic, FRAME_MAGIC, true)
    putU64(view, start + AT.commitNumber, head.commitNumber)
    putU64(view, start + AT.size, head.size)
    putU64(view, start + AT.deletedCount, head.deletedCount)
    putU64(view, start + AT.appendStart, head.appendStart)
    putU64(view, start + AT.changeCount, this.#changes)
    putU64(view, start + AT.payloadBytes, this.#at - payload)
    view.setUint32(start + AT.payloadCrc, crc32(bytes.subarray(payload, this.#at)), true)
    if (head.inPlaceCrc !== undefined) {
      view.setUint32(start + AT.inPlaceCrc, head.inPlaceCrc, true)
      view.setUint32(start + AT.hasInPlaceCrc, 1, true)
    }
    this.#group.length = end
    return end - start
  }

  #head(n: number, kind: number): void {
    const high = Math.floor(n / 2 ** 32)
    const { view } = this.#group
    view.setUint32(this.#at, n >>> 0, true)
    view.setUint32(this.#at + 4, high + kind * KIND_SHIFT, true)
    this.#at += CHANGE_HEAD_BYTES
    this.#changes++
  }

  #image(image: RecordBytes, at: number): void {
    copyBytes(image, at, this.#group, this.#at, this.#recordSize)
    this.#at += this.#recordSize
  }

  /** Marks the words that differ, and all words of each key that contains one of them (J4). */
  #compare(a: DataView, at: number, b: DataView, bt: number): void {
    const differs = this.#differs
    const size = this.#recordSize
    const whole = size >>> 2
    for (let w = 0; w < whole; w++) differs[w] = sameWord(a, b, at + w * 4, bt + w * 4) ? 0 : 1
    if (whole < differs.length) {
      differs[whole] = 0
      for (let i = whole * 4; i < size; i++) if (a.getUint8(at + i) !== b.getUint8(bt + i)) differs[whole] = 1
    }
    for (const words of this.#keys) {
      if (words.some(word => differs[word] === 1)) for (const word of words) differs[word] = 1
    }
  }

  /** Encodes the marked ranges. @returns false if that would take more bytes than a whole image */
  #patch(image: RecordBytes, at: number, replaced: RecordBytes, bt: number, checksum: number): boolean {
    const differs = this.#differs
    const { view } = this.#group
    const words = differs.length
    const head = this.#at
    const most = head + this.#recordSize
    let p = head + PATCH_HEAD_BYTES
    let count = 0
    for (let word = 0; word < words; ) {
      if (differs[word] === 0) {
        word++
        continue
      }
      let last = word
      for (let next = word + 1; next < words && next - last <= GAP_WORDS; next++)
        if (differs[next] === 1) last = next
      const start = word * 4
      const length = Math.min(this.#recordSize, last * 4 + 4) - start
      if (p + RANGE_HEAD_BYTES + 2 * length > most) return false
      view.setUint32(p, start, true)
      view.setUint32(p + 4, length, true)
      copyBytes(image, at + start, this.#group, p + RANGE_HEAD_BYTES, length)
      copyBytes(replaced, bt + start, this.#group, p + RANGE_HEAD_BYTES + length, length)
      p += RANGE_HEAD_BYTES + 2 * length
      count++
      word = last + 1
    }
    if (p > most) return false
    view.setUint32(head, count, true)
    view.setUint32(head + 4, checksum, true)
    this.#at = p
    return true
  }

  /** Encodes the bytes of the before-image from the first to the last that differs. */
  #span(image: RecordBytes, at: number, replaced: RecordBytes, bt: number): void {
    const size = this.#recordSize
    const a = image.view as DataView
    const b = replaced.view as DataView
    let first = 0
    while (first + 4 <= size && sameWord(a, b, at + first, bt + first)) first += 4
    while (first < size && a.getUint8(at + first) === b.getUint8(bt + first)) first++
    let end = size
    while (end - 4 >= first && sameWord(a, b, at + end - 4, bt + end - 4)) end -= 4
    while (end > first && a.getUint8(at + end - 1) === b.getUint8(bt + end - 1)) end--
    const { view } = this.#group
    view.setUint32(this.#at, first, true)
    view.setUint32(this.#at + 4, end - first, true)
    this.#at += SPAN_HEAD_BYTES
    for (let i = first; i < end; i++) view.setUint8(this.#at++, b.getUint8(bt + i))
  }
}

/** Sets the header's fields that are known only when a frame is written, and the header's checksum. */
export function sealFrame(
  group: FrameGroup,
  at: number,
  known: { readonly segment: number; readonly syncedCommit: number; readonly salt: Uint8Array },
): void {
  const { view, bytes } = group
  view.setUint32(at + AT.segment, known.segment, true)
  bytes.set(known.salt, at + AT.salt)
  putU64(view, at + AT.syncedCommit, known.syncedCommit)
  view.setUint32(at + CRC_AT, crc32(bytes.subarray(at, at + CRC_AT)), true)
}

function putU64(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError(`a frame takes counts: ${value}`)
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

/** The indexes of the words that contain bytes of these spans, each once. */
function wordsOf(spans: readonly ByteSpan[]): Uint32Array {
  const words = new Set<number>()
  for (const { start, end } of spans) for (let at = start & ~3; at < end; at += 4) words.add(at >>> 2)
  return Uint32Array.from(words)
}

/** Whether four bytes of both records are equal. */
function sameWord(a: DataView, b: DataView, at: number, bt: number): boolean {
  return a.getUint32(at, true) === b.getUint32(bt, true)
}
