/**
 * In which order does a query give its records? All of them sorted, or with a limit the first ones, kept in a heap.
 *
 *   OR1  fields are compared in the order of their keys (VC2 of comparable.ts), records with equal ones by their numbers.
 */

import { isPlainObject, shown } from '../options/shown-value.ts'
import type { Codec } from '../schema/index.ts'
import { type ComparableValue, type CompareValues, comparing, type ReadComparable } from './comparable.ts'
import { keyReader } from './key-reader.ts'
import type { QueriedField, QueriedFields } from './queried-field.ts'
import { queryError } from './query-error.ts'
import type { RecordBlock } from './record-block.ts'

/** One field of `orderBy`. */
export interface OrderKey {
  readonly field: QueriedField
  readonly isDescending: boolean
}

/** Reads `orderBy`: an object of fields, or several of them. @throws ERR_STRIDE_QUERY */
export function readOrderBy(given: unknown, fields: QueriedFields): readonly OrderKey[] {
  return readDirections(given).map(([path, isDescending]) => {
    const field = fields.find(path)
    if (field.as === 'none')
      throw queryError(`orderBy takes fields with single values, and '${path}' has others inside`, path)
    return { field, isDescending }
  })
}

/** Names with their directions, in order. @throws ERR_STRIDE_QUERY */
export function readDirections(given: unknown): (readonly [name: string, isDescending: boolean])[] {
  if (given === undefined) return []
  const objects: readonly unknown[] = Array.isArray(given) ? Array.from(given as readonly unknown[]) : [given]
  return objects.flatMap(object => {
    if (!isPlainObject(object)) {
      throw queryError(`orderBy takes an object of fields, { price: 'desc' }: ${shown(object)}`)
    }
    return Object.getOwnPropertyNames(object).map((name): readonly [string, boolean] => {
      const direction = object[name]
      if (direction !== 'asc' && direction !== 'desc') {
        throw queryError(`orderBy of '${name}' takes 'asc' or 'desc': ${shown(direction)}`, name)
      }
      return [name, direction === 'desc']
    })
  })
}

/** Keys up to this count are kept in a heap. */
const HEAP_MAX = 100_000

/** Takes the matching records of one block after the other, and gives the numbers of the first ones in order. */
export class OrderedNumbers {
  readonly #reads: readonly ReadComparable[]
  readonly #compares: readonly CompareValues[]
  readonly #recordSize: number
  /** How many are kept. */
  readonly #most: number
  readonly #isHeap: boolean
  #numbers: number[] = []
  /** The keys of the records, each an array of one value a field; or the values alone if there is one field. */
  #keys: ComparableValue[][] = []

  /** @param most how many records are needed, or Infinity */
  constructor(codec: Codec, keys: readonly OrderKey[], most: number) {
    this.#reads = keys.map(({ field }) => keyReader(codec, field))
    this.#compares = keys.map(({ field, isDescending }) => {
      const compare = comparing(field.node)
      return isDescending ? (a, b) => compare(b, a) : compare
    })
    this.#recordSize = codec.layout.recordSize
    this.#most = most
    this.#isHeap = most <= HEAP_MAX
  }

  add({ view, bytes, at, first }: RecordBlock, positions: Uint32Array, count: number): void {
    if (this.#most === 0) return
    const read = this.#reads[0] as ReadComparable
    const compare = this.#compares[0] as CompareValues
    const size = this.#recordSize
    for (let i = 0; i < count; i++) {
      const position = positions[i] as number
      const place = at + position * size
      const key = read(view, bytes, place)
      const isFull = this.#isHeap && this.#numbers.length === this.#most
      // Most records of a long scan end here.
      if (isFull && compare(key, (this.#keys[0] as ComparableValue[])[0] as ComparableValue) > 0) continue
      const keys = [key]
      for (let k = 1; k < this.#reads.length; k++)
        keys.push((this.#reads[k] as ReadComparable)(view, bytes, place))
      if (!isFull) this.#push(first + position, keys)
      else if (
        this.#order(first + position, keys, this.#numbers[0] as number, this.#keys[0] as ComparableValue[]) < 0
      ) {
        this.#replaceTop(first + position, keys)
      }
    }
  }

  /** The numbers in order, without the first `offset`. */
  numbers(offset: number): Float64Array {
    const places = Uint32Array.from(this.#numbers, (_, i) => i)
    places.sort((a, b) =>
      this.#order(
        this.#numbers[a] as number,
        this.#keys[a] as ComparableValue[],
        this.#numbers[b] as number,
        this.#keys[b] as ComparableValue[],
      ),
    )
    const end = Math.min(places.length, this.#most)
    const out = new Float64Array(Math.max(0, end - offset))
    for (let i = 0; i < out.length; i++) out[i] = this.#numbers[places[i + offset] as number] as number
    return out
  }

  #order(n: number, keys: readonly ComparableValue[], m: number, others: readonly ComparableValue[]): number {
    for (let i = 0; i < keys.length; i++) {
      const order = (this.#compares[i] as CompareValues)(
        keys[i] as ComparableValue,
        others[i] as ComparableValue,
      )
      if (order !== 0) return order
    }
    return n - m
  }

  /** The last record in order is on top. */
  #push(n: number, keys: ComparableValue[]): void {
    this.#numbers.push(n)
    this.#keys.push(keys)
    if (!this.#isHeap) return
    let i = this.#numbers.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (this.#orderAt(parent, i) >= 0) return
      this.#swap(i, parent)
      i = parent
    }
  }

  #replaceTop(n: number, keys: ComparableValue[]): void {
    this.#numbers[0] = n
    this.#keys[0] = keys
    const { length } = this.#numbers
    for (let i = 0; ; ) {
      const left = 2 * i + 1
      if (left >= length) return
      const right = left + 1
      const child = right < length && this.#orderAt(right, left) > 0 ? right : left
      if (this.#orderAt(i, child) >= 0) return
      this.#swap(i, child)
      i = child
    }
  }

  #orderAt(i: number, j: number): number {
    return this.#order(
      this.#numbers[i] as number,
      this.#keys[i] as ComparableValue[],
      this.#numbers[j] as number,
      this.#keys[j] as ComparableValue[],
    )
  }

  #swap(i: number, j: number): void {
    const number = this.#numbers[i] as number
    const keys = this.#keys[i] as ComparableValue[]
    this.#numbers[i] = this.#numbers[j] as number
    this.#keys[i] = this.#keys[j] as ComparableValue[]
    this.#numbers[j] = number
    this.#keys[j] = keys
  }
}
