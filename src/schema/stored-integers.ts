/**
 * How is an integer of any width read as a number? For kinds that are stored as an integer and read as something else.
 *
 * A 64-bit integer is accepted only if a number holds it exactly.
 */

import { type IntegerType, NUMBERS, type OddNumberType } from './kinds.ts'
import { ODD_NUMBERS } from './numbers-without-dataview.ts'

export interface StoredInteger {
  readonly min: number
  readonly max: number
  /** NaN for an integer that a number does not hold exactly. */
  get(view: DataView, at: number): number
  /** Stores a number from min to max. */
  set(view: DataView, at: number, value: number): void
}

export function storedInteger(type: IntegerType, little: boolean): StoredInteger {
  if (type === 'u64' || type === 'i64') {
    // In two halves: a bigint would take ten times as long.
    const high = little ? 4 : 0
    const get = type === 'u64' ? 'getUint32' : 'getInt32'
    return {
      min: type === 'u64' ? 0 : Number.MIN_SAFE_INTEGER,
      max: Number.MAX_SAFE_INTEGER,
      get(view, at) {
        const value = view[get](at + high, little) * 2 ** 32 + view.getUint32(at + 4 - high, little)
        return Number.isSafeInteger(value) ? value : Number.NaN
      },
      set(view, at, value) {
        view.setUint32(at + high, Math.floor(value / 2 ** 32), little)
        view.setUint32(at + 4 - high, value, little)
      },
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
