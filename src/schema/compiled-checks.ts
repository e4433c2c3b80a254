/**
 * Which small function does generated code call, beside those for texts?
 */

/** Zeroes [offset, offset + length); short ranges byte by byte, which is faster than a call into C++. */
export function zeroBytes(bytes: Uint8Array, offset: number, length: number): void {
  if (length > 64) Uint8Array.prototype.fill.call(bytes, 0, offset, offset + length)
  else for (let at = offset; at < offset + length; at++) bytes[at] = 0
}
