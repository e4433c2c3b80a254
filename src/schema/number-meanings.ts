/**
 * Which numbers are stored as something else? Decimals as an integer, digits as text, and bits as a part of an integer.
 *
 *   NM1  a decimal is the double nearest to integer / 10^digits: 0.3 is one, 0.1 + 0.2 is not and is refused. A double keeps 15 digits,
 *        so that each integer of at most 15 digits has a double of its own.
 *   NM2  digits of a number beyond 2^53 - 1 are refused when written, and damage when read.
 */

import type { BitsKind, DecimalKind, DigitsEnd, NumberTextKind } from './kinds.ts'
import type { Meaning } from './meaning.ts'
import { rangeReason, wrongType } from './reasons.ts'
import { storedInteger } from './stored-integers.ts'

const DECIMAL_MAX = 10 ** 15 - 1

export function decimalMeaning({ of, digits }: DecimalKind, little: boolean): Meaning {
  const { min, max, get, set } = storedInteger(of, little)
  const scale = 10 ** digits
  const least = Math.max(min, -DECIMAL_MAX) / scale
  const most = Math.min(max, DECIMAL_MAX) / scale
  const expected = `a number with at most ${digits} decimals`
  return {
    expected,
    array: 'Float64Array',
    reasonAgainst(value) {
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrongType('a finite number', value)
      const reason = rangeReason(`decimal(${digits}, ${of})`, value, least, most)
      if (reason !== null || Math.round(value * scale) / scale === value) return reason
      return { code: 'not_multiple_of', message: `expected ${expected}, got ${value}: round it before writing` }
    },
    write: (value, view, _bytes, at) => set(view, at, Math.round((value as number) * scale)),
    read(view, _bytes, at) {
      const stored = get(view, at)
      return Math.abs(stored) <= DECIMAL_MAX ? stored / scale : undefined
    },
  }
}

export function bitsMeaning({ unit, shift, count }: BitsKind, little: boolean): Meaning {
  const { get, set } = storedInteger(`u${(unit * 8) as 8 | 16 | 32}`, little)
  const max = 2 ** count - 1
  return {
    expected: `a number of ${count} bits`,
    array: 'Uint32Array',
    reasonAgainst(value) {
      if (!Number.isInteger(value)) return wrongType('an integer', value)
      return rangeReason(`a field of ${count} bits`, value as number, 0, max)
    },
    // The whole integer is zeroed before the first of its fields is stored.
    write: (value, view, _bytes, at) => set(view, at, (get(view, at) | ((value as number) << shift)) >>> 0),
    read: (view, _bytes, at) => ((get(view, at) >>> shift) & max) >>> 0,
  }
}

/** Spaces and NULs may stand in front of the digits or behind them. A field without digits is 0, as in tar. */
const DIGITS = /^[ \0]*([0-9a-z]*)[ \0]*$/i

const DIGITS_ENDS: Readonly<Record<DigitsEnd, string>> = { none: '', nul: '\0', space: ' ', 'nul-space': '\0 ' }

export function numberTextMeaning(kind: NumberTextKind): Meaning {
  const { length, radix, fill } = kind
  const end = DIGITS_ENDS[kind.end]
  const room = length - end.length
  const max = Math.min(Number.MAX_SAFE_INTEGER, radix ** room - 1)
  const textOf = (value: number): string => {
    const digits = value.toString(radix)
    if (fill === 'right') return digits.padEnd(room)
    return digits.padStart(room, fill === 'zeros' ? '0' : ' ')
  }
  return {
    expected: 'a whole number',
    array: 'Float64Array',
    reasonAgainst(value) {
      if (!Number.isInteger(value)) return wrongType('an integer', value)
      return rangeReason(`a number of ${room} digits`, value as number, 0, max)
    },
    // -0 is written as 0.
    write: (value, _view, bytes, at) =>
      void bytes.write(textOf((value as number) + 0) + end, at, length, 'latin1'),
    read(_view, bytes, at) {
      const found = DIGITS.exec(bytes.toString('latin1', at, at + length))?.[1]
      if (found === undefined) return undefined
      let value = 0
      for (const digit of found) value = value * radix + digitOf(digit, radix)
      return value <= Number.MAX_SAFE_INTEGER ? value : undefined
    },
  }
}

/** NaN for a character that is no digit. */
function digitOf(character: string, radix: number): number {
  return Number.parseInt(character, radix)
}
