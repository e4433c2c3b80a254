/**
 * How are a caller's record numbers read? An array, a typed array or an iterable becomes a list that cannot change meanwhile.
 *
 * Elements of an ordinary array may be getters, which run the caller's code. That code may slide a window or close the file. Each element
 * is therefore read once, before any window is used. A typed array has no getters and is used as it is.
 *   NR1  -1 stands for no record, as in the results of an index's `numbers` and of `compact`. In a list it is an absent record, no error.
 */

import { StrideError } from '../../errors.ts'
import { toList } from './list-argument.ts'

/** V8 creates a longer array as a slow dictionary. */
const ARRAY_LENGTH_MAX = 2 ** 25

/** Stands for no record in a list of record numbers. */
export const NO_RECORD = -1

/** @throws TypeError if it is no list of numbers */
export function toRecordNumbers(numbers: Iterable<number> | ArrayLike<number>): ArrayLike<number> {
  const list = toList(numbers, 'Record numbers')
  if (ArrayBuffer.isView(list)) {
    const first: unknown = list[0]
    if (typeof first === 'bigint')
      throw new TypeError(`A record number must be a number: bigint ${first} at position 0`)
    return list as ArrayLike<number>
  }
  const { length } = list
  const copy = length > ARRAY_LENGTH_MAX ? new Float64Array(length) : new Array<number>(length)
  for (let i = 0; i < length; i++) {
    const n = list[i]
    if (typeof n !== 'number') {
      throw new TypeError(`A record number must be a number: ${typeof n} ${String(n)} at position ${i}`)
    }
    copy[i] = n
  }
  return copy
}

/** The error of a call that needs record n and does not find it. */
export function noRecord(n: number, store: { readonly path: string }): StrideError {
  const why = n < 0 ? 'is the number of no record' : 'is deleted or past the end'
  const message = `There is no record ${n} in ${store.path}: ${n < 0 ? n : 'it'} ${why}`
  return new StrideError('ERR_STRIDE_NO_RECORD', message, { path: store.path, recordNumber: n })
}
