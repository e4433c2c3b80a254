/**
 * Are offsets and lengths safe integers within bounds? Checked before any system call (PF2).
 */

/** @throws TypeError if the value is no number, RangeError if it is out of bounds */
export function checkOffset(name: string, value: number): void {
  if (typeof value !== 'number') {
    const shown = typeof value === 'bigint' ? `${String(value)}n` : String(value)
    throw new TypeError(`${name} must be a number, not a ${typeof value}: ${shown}`)
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number of bytes from 0 to 2^53 - 1: ${value}`)
  }
}

/** @throws TypeError, RangeError if offset, length or their sum is no safe integer */
export function checkRange(offset: number, length: number): void {
  checkOffset('offset', offset)
  checkOffset('length', length)
  checkOffset('offset + length', offset + length)
}

/**
 * Checks an item that is requested from a pool of windows.
 * @throws RangeError if it is longer than an item or reaches past the end; TypeError if an argument is no number
 */
export function checkWantedItem(
  offset: number,
  length: number,
  bounds: { readonly end: number; readonly itemBytesMax: number; readonly path: string },
): void {
  const { end, itemBytesMax, path } = bounds
  checkRange(offset, length)
  if (length > itemBytesMax) throw new RangeError(`An item is at most ${itemBytesMax} bytes long: ${length}`)
  if (offset + length > end) {
    throw new RangeError(`[${offset}, ${offset + length}) reaches past the end at ${end}: ${path}`)
  }
}

/** The smallest multiple of `unit` that is not below `value`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}
