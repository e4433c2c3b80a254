/**
 * How are few bytes copied fast?
 *
 * They are copied word by word. Up to some hundred bytes that is twice as fast as a native copy (bench: writes).
 */

/** Memory for access by words and in bulk. `view` lies over `bytes`. */
export interface ViewedBytes {
  readonly view: DataView | null
  readonly bytes: Uint8Array
}

const BY_WORD_MAX = 256

/** Copies `size` bytes. Both views must not be null. */
export function copyBytes(
  from: ViewedBytes,
  fromAt: number,
  to: ViewedBytes,
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
