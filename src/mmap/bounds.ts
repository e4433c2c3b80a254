/**
 * Offsets and lengths are safe integers before any system call sees them (PF2).
 */

/** @throws TypeError for what is no number, RangeError naming what is out of bounds */
export function checkOffset(name: string, value: number): void {
  if (typeof value !== 'number') {
    const shown = typeof value === 'bigint' ? `${String(value)}n` : String(value)
    throw new TypeError(`${name} must be a number, not a ${typeof value}: ${shown}`)
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number of bytes from 0 to 2^53 - 1: ${value}`)
  }
}

/** @throws TypeError, RangeError where offset, length or their sum is no safe integer */
export function checkRange(offset: number, length: number): void {
  checkOffset('offset', offset)
  checkOffset('length', length)
  checkOffset('offset + length', offset + length)
}

/** The smallest multiple of `unit` that is not below `value`. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}
