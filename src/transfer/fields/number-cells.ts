/**
 * How do digits become an integer or a float, without a string?
 *
 *   NC1  a float is the double nearest to the written decimal. Up to 15 digits and 22 decimals the division of two exact doubles gives it
 *        (Clinger, "How to read floating point numbers accurately", 1990). Other spellings go through Number().
 */

import { NUMBERS, storedInteger } from '../../schema/index.ts'
import type { FastCell } from './cell.ts'
import type { Leaf } from './leaves.ts'

const MINUS = 45
const PLUS = 43
/** So many digits are exact as a double. */
const EXACT_DIGITS = 15
const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i)

type IntegerType = Parameters<typeof storedInteger>[0]
type Setter = (view: DataView, at: number, value: number) => void

/** Stores an integer. Each setter names its method, since a method looked up by a computed name costs five times as much. */
function setterOf(type: IntegerType | 'safeint', little: boolean): Setter {
  switch (type) {
    case 'u8':
      return (view, at, value) => view.setUint8(at, value)
    case 'u16':
      return (view, at, value) => view.setUint16(at, value, little)
    case 'i16':
      return (view, at, value) => view.setInt16(at, value, little)
    case 'u32':
      return (view, at, value) => view.setUint32(at, value, little)
    case 'i32':
      return (view, at, value) => view.setInt32(at, value, little)
    case 'safeint':
      return (view, at, value) => view.setFloat64(at, value, little)
    default:
      return storedInteger(type, little).set
  }
}

/** Digits with a sign. */
export function integerCell({ node, offset }: Leaf): FastCell {
  const little = node.endian === 'little'
  const type = node.type as IntegerType | 'safeint'
  const { min, max } = type === 'safeint' ? NUMBERS.safeint : storedInteger(type, little)
  const set = setterOf(type, little)
  return (bytes, from, to, image) => {
    let i = from
    const first = bytes[i]
    const isNegative = first === MINUS
    if (isNegative || first === PLUS) i++
    if (to - i > EXACT_DIGITS || i >= to) return false
    let value = 0
    for (; i < to; i++) {
      const digit = (bytes[i] as number) - 48
      if (digit < 0 || digit > 9) return false
      value = value * 10 + digit
    }
    // An integer field stores -0 as 0.
    if (isNegative) value = 0 - value
    if (value < min || value > max) return false
    set(image.view, offset, value)
    return true
  }
}

/** Digits with a sign and decimals. @param mark the byte in front of the decimals */
export function floatCell({ node, offset }: Leaf, mark: number): FastCell {
  const little = node.endian === 'little'
  const { max } = NUMBERS[node.type as 'f32' | 'f64']
  const isDouble = node.type === 'f64'
  return (bytes, from, to, image) => {
    let i = from
    const first = bytes[i]
    const isNegative = first === MINUS
    if (isNegative || first === PLUS) i++
    let value = 0
    let digits = 0
    let decimals = -1
    for (; i < to; i++) {
      const byte = bytes[i] as number
      const digit = byte - 48
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit
        digits++
        if (decimals >= 0) decimals++
      } else if (byte === mark && decimals < 0) decimals = 0
      else return false
    }
    // Leading zeros count as digits, which only sends a few more spellings the long way.
    if (digits === 0 || digits > EXACT_DIGITS) return false
    if (decimals > 0) value /= POWERS[decimals] as number
    if (isNegative) value = -value
    if (isDouble) image.view.setFloat64(offset, value, little)
    else if (Math.abs(value) <= max) image.view.setFloat32(offset, value, little)
    else return false
    return true
  }
}
