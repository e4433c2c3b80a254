/**
 * What a change of a frame makes of a record, and what it was before: the ranges of a patch laid over it, or a whole image.
 *
 *   PA1  laying ranges is idempotent, and right over any mixture of the record before and after: bytes outside them are the same in
 *        both. So the patches of several frames, laid in their order, make the last version of a record out of any mixture of its
 *        versions, and those that they replaced, laid from the last to the first, make the one before the first.
 * How ranges are found: frame-encode.ts. Their format: format/journal-format.ts.
 */

import { PATCH_HEAD_BYTES, RANGE_HEAD_BYTES, SPAN_HEAD_BYTES } from '../format/journal-format.ts'
import type { Change } from './change-reader.ts'
import type { FrameBytes } from './frame-bytes.ts'

/** Calls with each range of the patch at `at`: its first byte in the record, its length, and where its new and its replaced bytes lie. */
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

/** The entry of the patched record in the store's table of checksums. */
export function checksumOfPatch(bytes: FrameBytes, at: number): number {
  return u32(bytes, at + 4)
}

/** Makes of `record`, which a patch is laid over, what it is after the change. The record is not deleted by it. */
export function layNew(bytes: FrameBytes, change: Change, record: Buffer): void {
  const { patchAt, imageAt } = change
  if (patchAt < 0) copyFrom(bytes, imageAt, record)
  else
    eachRange(bytes, patchAt, (start, length, newAt) =>
      copyFrom(bytes, newAt, record.subarray(start, start + length)),
    )
}

/**
 * Makes of `record` what it was before the change. Of a patch its bytes count, for others not.
 * @returns false where it was not there
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

/** Copies bytes of a frame that lie side by side. */
export function copyFrom(bytes: FrameBytes, at: number, target: Buffer): void {
  if (target.length === 0) return
  const memory = bytes.find(at, target.length)
  memory.bytes.copy(target, 0, bytes.at, bytes.at + target.length)
}

function u32(bytes: FrameBytes, at: number): number {
  const { view } = bytes.find(at, 4)
  return view.getUint32(bytes.at, true)
}
