/**
 * Record numbers as a caller gives them: an array, a typed array or an iterable, as a list that cannot change under a
 * walk.
 *
 * Elements of an ordinary array may be getters, which run the caller's code between looking at a window and reading
 * it: that code may slide the window or close the file. So each is read once, before any window is looked at. A typed
 * array has no such elements and is taken as it is.
 */

/** @throws TypeError for what is no list of numbers */
export function toRecordNumbers(numbers: Iterable<number> | ArrayLike<number>): ArrayLike<number> {
  if (numbers === null || typeof numbers !== 'object' || numbers instanceof DataView) {
    throw new TypeError(`Record numbers come as an array, a typed array or an iterable: ${nameOf(numbers)}`)
  }
  if (ArrayBuffer.isView(numbers)) {
    const first: unknown = (numbers as unknown as ArrayLike<unknown>)[0]
    if (typeof first === 'bigint')
      throw new TypeError(`A record number is a number: bigint ${first} at position 0`)
    return numbers as unknown as ArrayLike<number>
  }
  const list = Array.isArray(numbers) || !(Symbol.iterator in numbers) ? numbers : Array.from(numbers)
  const { length } = list as ArrayLike<number>
  if (!Number.isSafeInteger(length) || length < 0 || length > LENGTH_MAX) {
    throw new TypeError(
      `Record numbers come as an array, a typed array or an iterable: length ${String(length)}`,
    )
  }
  const copy: number[] = new Array(length)
  for (let i = 0; i < length; i++) {
    const n: unknown = (list as ArrayLike<number>)[i]
    if (typeof n !== 'number') {
      throw new TypeError(`A record number is a number: ${typeof n} ${String(n)} at position ${i}`)
    }
    copy[i] = n
  }
  return copy
}

/** The most that an array holds. */
const LENGTH_MAX = 2 ** 32 - 1

function nameOf(value: unknown): string {
  if (value instanceof DataView) return 'a DataView'
  return value === null ? 'null' : `a ${typeof value}`
}
