/**
 * How does an integer of any width become a number? For kinds that are stored as an integer and read as something else.
 *
 * Of the 64-bit types only what a number holds exactly is taken.
 */

import { BIGINTS, type IntegerType, NUMBERS, type OddNumberType } from './kinds.ts'
import { ODD_NUMBERS } from './odd-numbers.ts'

export interface StoredInteger {
  readonly min: number
  readonly max: number
  /** NaN for what a number does not hold exactly. */
  get(view: DataView, at: number): number
  /** Stores a number from min to max. */
  set(view: DataView, at: number, value: number): void
}

export function storedInteger(type: IntegerType, little: boolean): StoredInteger {
  if (type === 'u64' || type === 'i64') {
    const { accessor } = BIGINTS[type]
    return {
      min: type === 'u64' ? 0 : Number.MIN_SAFE_INTEGER,
      max: Number.MAX_SAFE_INTEGER,
      get(view, at) {
        const value = Number(view[`get${accessor}`](at, little))
        return Number.isSafeInteger(value) ? value : Number.NaN
      },
      set: (view, at, value) => view[`set${accessor}`](at, BigInt(value), little),
    }
  }
  const { min, max, accessor } = NUMBERS[type]
  if (accessor !== null) {
    return {
      min,
      max,
      get: (view, at) => view[`get${accessor}`](at, little),
      set: (view, at, value) => view[`set${accessor}`](at, value, little),
    }
  }
  const odd = ODD_NUMBERS[type as OddNumberType]
  return {
    min,
    max,
    get: (view, at) => odd.get(view, at, little),
    set: (view, at, value) => odd.set(view, at, value, little),
  }
}
