/**
 * Reads the changes of a frame one by one: record number, kind, and the positions of its images or patch.
 *
 *   CE1  for any bytes, a change ends within the frame's payload, or `read` returns a negative number.
 * The bytes of a patch: patch.ts. Whole frames: frame-read.ts.
 */

import {
  CHANGE_HEAD_BYTES,
  CHANGE_KINDS,
  PATCH_HEAD_BYTES,
  RANGE_HEAD_BYTES,
  SPAN_HEAD_BYTES,
} from '../format/journal-format.ts'
import type { FrameBytes } from './frame-bytes.ts'

const NUMBER_HIGH_MASK = 0xffffff
const UNSOUND = -1

/** A change of one record. Positions are those of the FrameBytes; -1 if there is none. */
export interface Change {
  readonly recordNumber: number
  readonly isDeleted: boolean
  /** The position of the change; for an appended record, which has no head, that of its image. */
  readonly at: number
  /** The new image, if the frame contains the whole image. */
  readonly imageAt: number
  /** The before-image, if the frame contains the whole image. */
  readonly replacedAt: number
  /** The part of the before-image that differs from the new image. */
  readonly spanAt: number
  /** The patch: the ranges that changed, with their old and new bytes. */
  readonly patchAt: number
}

export class ChangeReader implements Change {
  recordNumber = 0
  isDeleted = false
  at = -1
  imageAt = -1
  replacedAt = -1
  spanAt = -1
  patchAt = -1
  readonly #bytes: FrameBytes
  readonly #recordSize: number
  /** The memory that was found last; it contains the bytes [#start, #stop). */
  #view: DataView | undefined
  #start = 0
  #stop = 0

  constructor(bytes: FrameBytes, recordSize: number) {
    this.#bytes = bytes
    this.#recordSize = recordSize
  }

  /** Reads an appended record, whose image is at `at`. @returns the position behind it */
  readAppended(n: number, at: number): number {
    this.recordNumber = n
    this.isDeleted = false
    this.at = this.imageAt = at
    this.replacedAt = this.spanAt = this.patchAt = -1
    return at + this.#recordSize
  }

  /** Reads the change at `at`. @returns the position behind it; below 0 if it is invalid or does not end by `end` */
  read(at: number, end: number): number {
    if (at + CHANGE_HEAD_BYTES > end) return UNSOUND
    const high = this.#u32(at + 4)
    this.recordNumber = this.#u32(at) + (high & NUMBER_HIGH_MASK) * 2 ** 32
    this.at = at
    this.isDeleted = false
    this.imageAt = this.replacedAt = this.spanAt = this.patchAt = -1
    const body = at + CHANGE_HEAD_BYTES
    const behindImage = body + this.#recordSize
    switch (high >>> 24) {
      case CHANGE_KINDS.patch:
        this.patchAt = body
        return this.#behindPatch(body, end)
      case CHANGE_KINDS.update:
        this.imageAt = body
        this.spanAt = behindImage + SPAN_HEAD_BYTES
        return this.#behindSpan(behindImage, end)
      case CHANGE_KINDS.insert:
        this.imageAt = body
        break
      case CHANGE_KINDS.delete:
        this.isDeleted = true
        this.replacedAt = body
        break
      case CHANGE_KINDS.skip:
        this.isDeleted = true
        return body
      default:
        return UNSOUND
    }
    return behindImage > end ? UNSOUND : behindImage
  }

  #behindSpan(at: number, end: number): number {
    const bytesAt = at + SPAN_HEAD_BYTES
    if (bytesAt > end) return UNSOUND
    const length = this.#u32(at + 4)
    if (this.#u32(at) + length > this.#recordSize || bytesAt + length > end) return UNSOUND
    return bytesAt + length
  }

  /** Checks that ranges are ascending and not empty, so there are at most as many as bytes in the record. */
  #behindPatch(at: number, end: number): number {
    let p = at + PATCH_HEAD_BYTES
    if (p > end) return UNSOUND
    const count = this.#u32(at)
    if (count > this.#recordSize) return UNSOUND
    let reached = 0
    for (let i = 0; i < count; i++) {
      if (p + RANGE_HEAD_BYTES > end) return UNSOUND
      const start = this.#u32(p)
      const length = this.#u32(p + 4)
      if (start < reached || length === 0 || start + length > this.#recordSize) return UNSOUND
      reached = start + length
      p += RANGE_HEAD_BYTES + 2 * length
      if (p > end) return UNSOUND
    }
    return p
  }

  #u32(at: number): number {
    if (this.#view === undefined || at < this.#start || at + 4 > this.#stop) {
      this.#view = this.#bytes.find(at, 4).view
      this.#start = at - this.#bytes.at
      this.#stop = this.#start + this.#view.byteLength
    }
    return this.#view.getUint32(at - this.#start, true)
  }
}
