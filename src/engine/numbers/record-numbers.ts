/**
 * How are record numbers of a caller read? An array, a typed array or an iterable becomes a list that cannot change meanwhile.
 *
 * Elements of an ordinary array may be getters, which run the caller's code between looking at a window and reading
 * it: that code may slide the window or close the file. So each is read once, before any window is looked at. A typed
 * array has no such elements and is taken as it is.
 *   NR1  -1 stands for no record, as an index's `numbers` and `compact` write it: in a list it is absent, and no error.
 */

import { StrideError } from '../../errors.ts'
import { toList } from './given-list.ts'

/** A longer array is a slow dictionary to V8 when it is made. */
const ARRAY_LENGTH_MAX = 2 ** 25

/** In a list of record numbers: no record. */
export const NO_RECORD = -1

/** @throws TypeError for what is no list of numbers */
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

/** What a call throws that needs record n and does not find it. */
export function noRecord(n: number, store: { readonly path: string }): StrideError {
  const why = n < 0 ? 'is the number of no record' : 'is deleted or past the end'
  const message = `There is no record ${n} in ${store.path}: ${n < 0 ? n : 'it'} ${why}`
  return new StrideError('ERR_STRIDE_NO_RECORD', message, { path: store.path, recordNumber: n })
}
