/**
 * One change of a frame after the other: which record, what kind, and where its bytes lie.
 *
 *   CE1  whatever the bytes are, a change ends within the frame's payload, or `read` says that it does not.
 * What the bytes of a patch mean: patch.ts. Whole frames: frame-read.ts.
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

/** What happened to one record; positions as those of the frame's bytes, -1 for none. */
export interface Change {
  readonly recordNumber: number
  readonly isDeleted: boolean
  /** Where the change begins; for an appended record, which has no head, where its image lies. */
  readonly at: number
  /** The image that is there from now on, where the frame has it whole. */
  readonly imageAt: number
  /** A whole replaced image, where the frame has it whole. */
  readonly replacedAt: number
  /** The part of the replaced image that differs from the new one. */
  readonly spanAt: number
  /** The ranges that changed, of a record that is otherwise as it was. */
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
  /** Words are read from the memory that was found last, as far as it reaches: the bytes [start, stop). */
  #view: DataView | undefined
  #start = 0
  #stop = 0

  constructor(bytes: FrameBytes, recordSize: number) {
    this.#bytes = bytes
    this.#recordSize = recordSize
  }

  /** An appended record, whose image lies at `at`. @returns the position behind it */
  readAppended(n: number, at: number): number {
    this.recordNumber = n
    this.isDeleted = false
    this.at = this.imageAt = at
    this.replacedAt = this.spanAt = this.patchAt = -1
    return at + this.#recordSize
  }

  /** The change that begins at `at`. @returns the position behind it; below 0 where it does not end by `end`, or is none */
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

  /** Ranges rise, and none is empty, so that there are no more of them than bytes in the record. */
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
