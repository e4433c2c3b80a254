/**
 * What does generated code call beside texts? Two small functions that are better written than generated.
 */

/** Whether every enumerable key of the object is a known one; the exact test behind the count of keys. */
export function fitsObject(record: object, names: ReadonlySet<string>): boolean {
  for (const key in record) if (!names.has(key)) return false
  return true
}

/** Zeroes [offset, offset + length); short ranges byte by byte, which is faster than a call into C++. */
export function zeroBytes(bytes: Uint8Array, offset: number, length: number): void {
  if (length > 64) Uint8Array.prototype.fill.call(bytes, 0, offset, offset + length)
  else for (let at = offset; at < offset + length; at++) bytes[at] = 0
}
