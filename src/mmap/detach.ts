/**
 * Taking the bytes away from an ArrayBuffer, so that every view on it throws: possible from Node 22 on.
 *
 * On Node 20 there is no way: structuredClone with a transfer list copies such a buffer silently.
 */

/** ES2024; Node 20 lacks it. */
type Transferable = ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }

export const canDetach = typeof (ArrayBuffer.prototype as Transferable).transfer === 'function'

/** Leaves the buffer with no bytes. Call it only where canDetach is true. */
export function detach(buffer: ArrayBuffer): void {
  ;(buffer as Transferable).transfer?.(0)
}
