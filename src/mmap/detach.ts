/**
 * Taking the bytes away from an ArrayBuffer, so that every view on it throws: possible from Node 22 on.
 *
 * On Node 20 there is no way: structuredClone with a transfer list copies such a buffer silently. On later ones a program
 * may forbid it for a buffer (worker_threads.markAsUntransferable), shadow `transfer` or `byteLength` on it, or bring
 * a polyfill along: so the functions are those of the start, and the answer is looked at, not assumed.
 */

/** ES2024; Node 20 lacks it. */
type Transfer = (this: ArrayBuffer, length: number) => ArrayBuffer

const { prototype } = ArrayBuffer
const transfer = (prototype as ArrayBuffer & { transfer?: Transfer }).transfer
const byteLength = Object.getOwnPropertyDescriptor(prototype, 'byteLength')?.get as (
  this: ArrayBuffer,
) => number

export const canDetach = typeof transfer === 'function'

/** How long the buffer is, whatever its properties say; 0 where its bytes were moved to another buffer. */
export function lengthOf(buffer: ArrayBuffer): number {
  return Reflect.apply(byteLength, buffer, [])
}

/**
 * The same memory in a buffer that Node does not watch; nothing is copied. Node 24 and later detach each watched one at the
 * end of the process, and abort where a program has forbidden that (worker_threads.markAsUntransferable).
 */
export function unwatched(buffer: ArrayBuffer): ArrayBuffer {
  if (transfer === undefined) return buffer
  const moved = Reflect.apply(transfer, buffer, [lengthOf(buffer)])
  // A polyfill that copies leaves the buffer as it was.
  return lengthOf(buffer) === 0 ? moved : buffer
}

/** Leaves the buffer with no bytes where that is possible. @returns whether it has none now */
export function detach(buffer: ArrayBuffer): boolean {
  try {
    if (transfer !== undefined) Reflect.apply(transfer, buffer, [0])
  } catch {
    // Forbidden for this buffer: the answer says so.
  }
  return lengthOf(buffer) === 0
}
