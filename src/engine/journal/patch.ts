/**
 * Redo and undo of a change: builds the image after it, or the before-image, from a whole image or from the ranges of a patch.
 *
 *   PA1  applying a patch is idempotent, and right for any mixture of the images before and after it, since bytes outside its ranges are
 *        equal in both. So for any mixture of a record's versions, the new bytes of several patches, applied in order, yield the last
 *        version, and their old bytes, applied from the last to the first, yield the version before the first.
 * Encoding patches: frame-encode.ts. Their format: format/journal-format.ts.
 */

import { PATCH_HEAD_BYTES, RANGE_HEAD_BYTES, SPAN_HEAD_BYTES } from '../format/journal-format.ts'
import type { Change } from './change-reader.ts'
import type { FrameBytes } from './frame-bytes.ts'

/** Visits the ranges of the patch at `at`: first byte in the record, length, and the positions of the new and the replaced bytes. */
export function eachRange(
  bytes: FrameBytes,
  at: number,
  visit: (start: number, length: number, newAt: number, replacedAt: number) => void,
): void {
  const count = u32(bytes, at)
  let p = at + PATCH_HEAD_BYTES
  for (let i = 0; i < count; i++) {
    const { view } = bytes.find(p, RANGE_HEAD_BYTES)
    const start = view.getUint32(bytes.at, true)
    const length = view.getUint32(bytes.at + 4, true)
    p += RANGE_HEAD_BYTES
    visit(start, length, p, p + length)
    p += 2 * length
  }
}

/** The patched record's entry in the checksum table. */
export function checksumOfPatch(bytes: FrameBytes, at: number): number {
  return u32(bytes, at + 4)
}

/** Turns `record` into the image after the change, which is no deletion. A patch changes some of its bytes, other changes all. */
export function layNew(bytes: FrameBytes, change: Change, record: Buffer): void {
  const { patchAt, imageAt } = change
  if (patchAt < 0) copyFrom(bytes, imageAt, record)
  else
    eachRange(bytes, patchAt, (start, length, newAt) =>
      copyFrom(bytes, newAt, record.subarray(start, start + length)),
    )
}

/**
 * Turns `record` into the before-image of the change. A patch changes some of its bytes, other changes all.
 * @returns false if the record was not live before
 */
export function layReplaced(bytes: FrameBytes, change: Change, record: Buffer): boolean {
  const { patchAt, spanAt, imageAt, replacedAt } = change
  if (patchAt >= 0) {
    eachRange(bytes, patchAt, (start, length, _, at) =>
      copyFrom(bytes, at, record.subarray(start, start + length)),
    )
    return true
  }
  if (spanAt < 0 && replacedAt < 0) return false
  copyFrom(bytes, spanAt < 0 ? replacedAt : imageAt, record)
  if (spanAt < 0) return true
  const { view } = bytes.find(spanAt - SPAN_HEAD_BYTES, SPAN_HEAD_BYTES)
  const start = view.getUint32(bytes.at, true)
  const length = view.getUint32(bytes.at + 4, true)
  copyFrom(bytes, spanAt, record.subarray(start, start + length))
  return true
}

/** Copies consecutive bytes of a frame. */
export function copyFrom(bytes: FrameBytes, at: number, target: Buffer): void {
  if (target.length === 0) return
  const memory = bytes.find(at, target.length)
  memory.bytes.copy(target, 0, bytes.at, bytes.at + target.length)
}

function u32(bytes: FrameBytes, at: number): number {
  const { view } = bytes.find(at, 4)
  return view.getUint32(bytes.at, true)
}
