/**
 * How are the numbers read and stored for which a DataView has no method? Integers of 3 and 6 bytes, and half floats.
 *
 *   ON1  an f16 is rounded from the double directly, ties to even. Rounding to an f32 first would round twice.
 * For integers the plain codec uses Buffer's readUIntLE and its relatives instead.
 */

import type { OddNumberType } from './kinds.ts'

export interface OddNumber {
  get(view: DataView, at: number, little: boolean): number
  set(view: DataView, at: number, value: number, little: boolean): void
}

export const ODD_NUMBERS: Readonly<Record<OddNumberType, OddNumber>> = {
  u24: { get: getU24, set: set24 },
  i24: { get: (view, at, little) => (getU24(view, at, little) << 8) >> 8, set: set24 },
  u48: {
    get: (view, at, little) =>
      view.getUint16(little ? at + 4 : at, little) * 2 ** 32 + view.getUint32(little ? at : at + 2, little),
    set: set48,
  },
  i48: {
    get: (view, at, little) =>
      view.getInt16(little ? at + 4 : at, little) * 2 ** 32 + view.getUint32(little ? at : at + 2, little),
    set: set48,
  },
  f16: {
    get: (view, at, little) => fromHalf(view.getUint16(at, little)),
    set: (view, at, value, little) => view.setUint16(at, toHalf(value), little),
  },
}

function getU24(view: DataView, at: number, little: boolean): number {
  return little
    ? view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    : (view.getUint16(at) << 8) | view.getUint8(at + 2)
}

function set24(view: DataView, at: number, value: number, little: boolean): void {
  view.setUint16(at, little ? value : value >> 8, little)
  view.setUint8(at + 2, little ? value >> 16 : value)
}

function set48(view: DataView, at: number, value: number, little: boolean): void {
  view.setUint32(little ? at : at + 2, value, little)
  view.setUint16(little ? at + 4 : at, Math.floor(value / 2 ** 32), little)
}

/** A number from the bits of a half float (IEEE 754 binary16). */
export function fromHalf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

const DOUBLE = new DataView(new ArrayBuffer(8))
/** Adding it rounds a number to an integer. */
const ROUNDER = 2 ** 52

/** The bits of the nearest half float; an infinity from 65520 on. */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size >= 65520) return sign | 0x7c00
  DOUBLE.setFloat64(0, size)
  const exponent = Math.max((DOUBLE.getUint16(0) >> 4) - 1023, -14)
  const steps = size * 2 ** (10 - exponent) + ROUNDER - ROUNDER
  // This sum is also right for a carry into the exponent, and for subnormal numbers.
  return sign | (((exponent + 14) << 10) + steps)
}
