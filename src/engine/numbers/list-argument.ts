/**
 * Which values count as a list of record numbers or keys? An array, a typed array, an iterable or an array-like object.
 *
 * A string does not, although it is iterable, since a caller who passes one means a single key.
 */

import { types } from 'node:util'
import { shown } from '../../options/shown-value.ts'

/** The most elements of an array. */
const LENGTH_MAX = 2 ** 32 - 1

/**
 * The list as an object with a length and elements. An iterable is read to its end. Elements of an array may still be getters.
 * @param what names the elements in messages: 'Record numbers'
 * @throws TypeError if it is no list
 */
export function toList(list: unknown, what: string): ArrayLike<unknown> {
  if (Array.isArray(list)) return list
  if (typeof list !== 'object' || list === null) throw noList(what, shown(list))
  // A DataView has no length. Checking that first saves most calls two calls of native code.
  if (ArrayBuffer.isView(list) && typeof (list as { length?: unknown }).length === 'number') {
    return list as unknown as ArrayLike<unknown>
  }
  if (types.isDataView(list) || types.isStringObject(list)) throw noList(what, shown(list))
  const items = Symbol.iterator in list ? Array.from(list as Iterable<unknown>) : list
  const { length } = items as Partial<ArrayLike<unknown>>
  if (Number.isSafeInteger(length) && (length as number) >= 0 && (length as number) <= LENGTH_MAX) {
    return items as ArrayLike<unknown>
  }
  throw noList(what, length === undefined ? shown(list) : `length ${shown(length)}`)
}

function noList(what: string, given: string): TypeError {
  return new TypeError(`${what} come as an array, a typed array or an iterable: ${given}`)
}
