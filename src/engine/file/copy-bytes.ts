/**
 * How are a record's bytes copied fast?
 *
 * Short records are copied word by word. Up to some hundred bytes that is twice as fast as a native copy (bench: writes).
 */

import type { RecordBytes } from '../../schema/index.ts'

const BY_WORD_MAX = 256

/** Copies `size` bytes. Both views must not be null. */
export function copyBytes(
  from: RecordBytes,
  fromAt: number,
  to: RecordBytes,
  toAt: number,
  size: number,
): void {
  if (size > BY_WORD_MAX) {
    to.bytes.set(from.bytes.subarray(fromAt, fromAt + size), toAt)
    return
  }
  const source = from.view as DataView
  const target = to.view as DataView
  let i = 0
  for (; i + 4 <= size; i += 4) target.setUint32(toAt + i, source.getUint32(fromAt + i, true), true)
  for (; i < size; i++) target.setUint8(toAt + i, source.getUint8(fromAt + i))
}
