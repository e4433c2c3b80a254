/**
 * How are the bytes taken away from an ArrayBuffer, so that every view on it throws? Possible from Node 22 on.
 *
 * Node 20 offers no way: structuredClone with a transfer list silently copies such a buffer. On later versions a program may forbid it
 * for a buffer (worker_threads.markAsUntransferable), shadow `transfer` or `byteLength`, or load a polyfill. The functions are
 * therefore taken when this file is loaded, and the result is checked.
 */

/** ES2024; Node 20 lacks it. */
type Transfer = (this: ArrayBuffer, length: number) => ArrayBuffer

const { prototype } = ArrayBuffer
const transfer = (prototype as ArrayBuffer & { transfer?: Transfer }).transfer
const byteLength = Object.getOwnPropertyDescriptor(prototype, 'byteLength')?.get as (
  this: ArrayBuffer,
) => number

export const canDetach = typeof transfer === 'function'

/** The real length of a buffer, even if a property hides it; 0 if its bytes were moved to another buffer. */
export function lengthOf(buffer: ArrayBuffer): number {
  return Reflect.apply(byteLength, buffer, [])
}

/**
 * The same memory in a buffer that Node does not track; nothing is copied. Node 24 and later detach each tracked buffer at the end of
 * the process, and abort if a program has forbidden that (worker_threads.markAsUntransferable).
 */
export function unwatched(buffer: ArrayBuffer): ArrayBuffer {
  if (transfer === undefined) return buffer
  const moved = Reflect.apply(transfer, buffer, [lengthOf(buffer)])
  // A polyfill copies, and leaves the buffer as it was.
  return lengthOf(buffer) === 0 ? moved : buffer
}

/** Takes the bytes away from a buffer if that is possible. @returns whether it has none now */
export function detach(buffer: ArrayBuffer): boolean {
  try {
    if (transfer !== undefined) Reflect.apply(transfer, buffer, [0])
  } catch {
    // Forbidden for this buffer. The result below says so.
  }
  return lengthOf(buffer) === 0
}
