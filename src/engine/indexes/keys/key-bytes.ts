/**
 * How is a number written so that comparing bytes compares numbers? Big-endian, with an inverted sign bit.
 *
 * Which values a field's key has: key-leaf.ts.
 */

export const FLOATS = new DataView(new ArrayBuffer(8))

export function setDouble(key: DataView, to: number, value: number): void {
  FLOATS.setFloat64(0, value === 0 ? 0 : value)
  writeF64(FLOATS.getUint32(0), FLOATS.getUint32(4), key, to)
}

export function orderedF16(bits: number): number {
  if ((bits & 0x7fff) > 0x7c00) return 0xffff
  if (bits === 0x8000) return 0x8000
  return (bits & 0x8000) !== 0 ? ~bits & 0xffff : bits ^ 0x8000
}

/** The bits of a float, transformed so that their unsigned order is the order of the values. */
export function orderedF32(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0xffffffff
  if (bits === 0x80000000) return 0x80000000
  return (bits & 0x80000000) !== 0 ? ~bits >>> 0 : (bits ^ 0x80000000) >>> 0
}

export function writeF64(high: number, low: number, key: DataView, to: number): void {
  const magnitude = high & 0x7fffffff
  if (magnitude > 0x7ff00000 || (magnitude === 0x7ff00000 && low !== 0)) {
    key.setUint32(to, 0xffffffff)
    key.setUint32(to + 4, 0xffffffff)
  } else if ((high & 0x80000000) === 0 || (magnitude === 0 && low === 0)) {
    key.setUint32(to, magnitude ^ 0x80000000)
    key.setUint32(to + 4, low)
  } else {
    key.setUint32(to, ~high)
    key.setUint32(to + 4, ~low)
  }
}

/** Writes a non-negative integer, big-endian, in one to six bytes. */
export function setInteger(key: DataView, to: number, size: number, value: number): void {
  let rest = value
  for (let i = size - 1; i >= 0; i--) {
    key.setUint8(to + i, rest)
    rest = Math.floor(rest / 256)
  }
}

export function setCode(key: DataView, to: number, size: number, code: number): void {
  if (size === 0) return
  if (size === 1) key.setUint8(to, code)
  else if (size === 2) key.setUint16(to, code)
  else key.setUint32(to, code)
}

export function copy(from: DataView, at: number, key: DataView, to: number, length: number): void {
  let i = 0
  for (; i + 4 <= length; i += 4) key.setUint32(to + i, from.getUint32(at + i))
  for (; i < length; i++) key.setUint8(to + i, from.getUint8(at + i))
}
