/**
 * Which parameters does a kind of field have beside its type, in the canonical form and in descriptions?
 *
 *   KP1  their names, order and spelling are part of the canonical form, and so of files. Default values are left out.
 */

import { shown } from '../options/shown-value.ts'
import {
  type DigitsEnd,
  type DigitsFill,
  isWide,
  type LeafKind,
  type MeantKind,
  NUMBERS,
  type Padding,
  type TextKind,
} from './kinds.ts'

/** What makes a kind beside its type: `of` and `digits` of a decimal, for example. */
export type Parameters = Readonly<Record<string, string | number | true>>

/** The parameters of a kind. Values, codes and lengths stand elsewhere in the canonical form. */
export function parametersOf(kind: LeafKind): Parameters {
  switch (kind.type) {
    case 'f16':
    case 'f32':
    case 'f64':
      return kind.nonFinite ? { nonFinite: true } : {}
    case 'boolean':
    case 'enum':
    case 'dosdatetime':
    case 'dosdate':
      return kind.lenient ? { lenient: true } : {}
    case 'ascii':
    case 'latin1':
    case 'utf8':
    case 'utf16le':
    case 'utf16be':
      return kind.padding === 'zero' ? {} : { padding: kind.padding }
    case 'decimal':
      return { of: kind.of, digits: kind.digits }
    case 'unix':
      return { of: kind.of, unit: kind.unit }
    case 'bits':
      return { shift: kind.shift, count: kind.count }
    case 'numbertext':
      return { radix: kind.radix, fill: kind.fill, end: kind.end }
    default:
      return {}
  }
}

/** @returns the text kind, checked @throws TypeError, RangeError */
export function checkedText<K extends TextKind>(kind: K): K {
  const { type, length, padding } = kind
  const isFit = isWhole(length, 1) && !(isWide(kind) && length % 2 !== 0)
  if (!isFit)
    throw new RangeError(
      `${type}(length) needs a whole number of bytes, ${isWide(kind) ? '2, 4, 6 …' : '1 or more'}: ${length}`,
    )
  if (!PADDINGS.includes(padding)) throw new TypeError(`${type} has no such padding: ${shown(padding)}`)
  if (padding !== 'length') return kind
  if (isWide(kind)) throw new TypeError(`${type} has no byte for its length: choose another padding`)
  if (!isWhole(length, 2, 256))
    throw new RangeError(`${type}(length) with a byte for the length needs 2 to 256 bytes: ${length}`)
  return kind
}

/** @returns the kind, checked @throws TypeError, RangeError */
export function checkedMeant<K extends MeantKind>(kind: K): K {
  switch (kind.type) {
    case 'decimal':
    case 'unix': {
      const isInteger =
        kind.of === 'u64' || kind.of === 'i64' || (kind.of in NUMBERS && NUMBERS[kind.of].integer)
      if (!isInteger || (kind.of as string) === 'safeint')
        throw new TypeError(`${kind.type} is stored as an integer, u8() to i64(): ${shown(kind.of)}`)
      if (kind.type === 'unix' && kind.unit !== 's' && kind.unit !== 'ms')
        throw new TypeError(`the unit of a time is s or ms: ${shown(kind.unit)}`)
      if (kind.type === 'decimal' && !isWhole(kind.digits, 1, 15))
        throw new RangeError(`decimal(digits) takes 1 to 15 digits: ${shown(kind.digits)}`)
      return kind
    }
    case 'numbertext': {
      const { length, radix, fill, end } = kind
      if (!isWhole(radix, 2, 36)) throw new RangeError(`radix is a whole number from 2 to 36: ${shown(radix)}`)
      if (!FILLS.includes(fill) || !ENDS.includes(end))
        throw new TypeError(`digits are filled with ${shown(fill)} and end with ${shown(end)}`)
      if (!isWhole(length, (END_BYTES[ENDS.indexOf(end)] as number) + 1))
        throw new RangeError(
          `numberText(length) needs bytes for a digit and for what is behind the digits: ${shown(length)}`,
        )
      return kind
    }
    case 'bits': {
      const { unit, shift, count } = kind
      if (![1, 2, 4].includes(unit) || !isWhole(count, 1, 32) || !isWhole(shift, 0, unit * 8 - count))
        throw new RangeError(
          `bits from ${shown(shift)}, ${shown(count)} of them, do not lie in ${shown(unit)} bytes`,
        )
      return kind
    }
    default:
      return kind
  }
}

const PADDINGS: readonly Padding[] = ['zero', 'space', 'either', 'length']
const FILLS: readonly DigitsFill[] = ['zeros', 'left', 'right']
const ENDS: readonly DigitsEnd[] = ['none', 'nul', 'space', 'nul-space']
const END_BYTES = [0, 1, 1, 2]

function isWhole(value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}
