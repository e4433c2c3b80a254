/**
 * How are values copied into a vector of DuckDB? A writer for each physical type.
 *
 *   QV1  typed arrays of the vector's own type are copied as they are, by one call.
 *   QV2  null and undefined are NULL. Inside an object or array that is NULL, everything is NULL.
 *   QV3  everything that a vector refers to is in memory that DuckDB owns.
 * Which writer a field has: field-types.ts. Texts: text-vectors.ts. Objects, tuples and arrays: nested-vectors.ts.
 */

import { InvariantError } from '../errors.ts'
import { dateMs, isDate } from '../runtime/realms.ts'
import type { Bindings, Vector } from './package.ts'

/** Values of consecutive rows, in a typed array of numbers or one by one. */
export type Values = ArrayLike<unknown>

export interface VectorWriter {
  /** Writes `count` values into a vector. */
  write(bindings: Bindings, vector: Vector, values: Values, count: number): void
  /** Tuples and arrays: writes `count` of them, whose elements follow each other as in a column of `gather`. */
  writeFlat?(bindings: Bindings, vector: Vector, flat: Values, count: number): void
}

const WORD_ROWS = 64

/** Rows that are NULL. */
export class Nulls {
  #mask = new Uint32Array(0)
  #any = false

  begin(count: number): void {
    const words = Math.ceil(count / WORD_ROWS) * 2
    if (this.#mask.length < words) this.#mask = new Uint32Array(words)
    this.#mask.fill(0xffffffff, 0, words)
    this.#any = false
  }
  add(row: number): void {
    this.#any = true
    const word = row >>> 5
    this.#mask[word] = (this.#mask[word] as number) & ~(1 << (row & 31))
  }
  write(bindings: Bindings, vector: Vector, count: number): void {
    if (!this.#any) return
    bindings.vector_ensure_validity_writable(vector)
    const bytes = Math.ceil(count / WORD_ROWS) * 8
    bindings.copy_data_to_vector_validity(vector, 0, this.#mask.buffer, 0, bytes)
  }
}

type Elements =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

/** Numbers that are stored as they are. */
export class PlainWriter implements VectorWriter {
  readonly #Array: new (
    length: number,
  ) => Elements
  readonly #code: (value: unknown) => unknown
  readonly #nulls = new Nulls()
  #scratch: Elements

  /** @param code the stored number of a value; null for none */
  constructor(array: new (length: number) => Elements, code: (value: unknown) => unknown = same) {
    this.#Array = array
    this.#code = code
    this.#scratch = new array(0)
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    if (values instanceof this.#Array && this.#code === same) {
      copyElements(bindings, vector, values, count)
      return
    }
    if (this.#scratch.length < count) this.#scratch = new this.#Array(count)
    const out = this.#scratch as unknown as unknown[]
    const nulls = this.#nulls
    nulls.begin(count)
    for (let i = 0; i < count; i++) {
      const value = values[i]
      const code = value === null || value === undefined ? undefined : this.#code(value)
      if (code === null || code === undefined) nulls.add(i)
      else out[i] = code
    }
    copyElements(bindings, vector, this.#scratch, count)
    nulls.write(bindings, vector, count)
  }
}

function same(value: unknown): unknown {
  return value
}

/** Copies the first elements of a typed array into a vector. */
function copyElements(bindings: Bindings, vector: Vector, from: Elements, count: number): void {
  bindings.copy_data_to_vector(vector, 0, from.buffer, from.byteOffset, count * from.BYTES_PER_ELEMENT)
}

const TWO_32 = 2 ** 32
const MICROSECONDS_EXACT_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

/** Whole numbers of up to 53 bits as 64-bit integers. */
export class LongWriter implements VectorWriter {
  readonly #nulls = new Nulls()
  readonly #scale: number
  #words = new Int32Array(0)

  /** @param scale is multiplied with each number, and the result rounded */
  constructor(scale = 1) {
    this.#scale = scale
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    if (this.#words.length < count * 2) this.#words = new Int32Array(count * 2)
    const words = this.#words
    const scale = this.#scale
    const nulls = this.#nulls
    nulls.begin(count)
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (typeof value === 'number') {
        const whole = scale === 1 ? value : Math.round(value * scale)
        words[2 * i] = whole
        words[2 * i + 1] = Math.floor(whole / TWO_32)
      } else nulls.add(i)
    }
    bindings.copy_data_to_vector(vector, 0, words.buffer, 0, count * 8)
    nulls.write(bindings, vector, count)
  }
}

/** Times, as milliseconds or Dates, in microseconds. */
export class TimestampWriter implements VectorWriter {
  readonly #nulls = new Nulls()
  #words = new Int32Array(0)
  #longs = new BigInt64Array(0)

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    if (this.#longs.length < count) {
      this.#longs = new BigInt64Array(count)
      this.#words = new Int32Array(this.#longs.buffer)
    }
    const words = this.#words
    const nulls = this.#nulls
    const isTyped = values instanceof Float64Array
    nulls.begin(count)
    for (let i = 0; i < count; i++) {
      const ms = isTyped ? (values[i] as number) : timeOf(values[i])
      if (ms <= MICROSECONDS_EXACT_MS && ms >= -MICROSECONDS_EXACT_MS) {
        const us = ms * 1000
        words[2 * i] = us
        words[2 * i + 1] = Math.floor(us / TWO_32)
      } else if (Number.isNaN(ms)) nulls.add(i)
      else this.#longs[i] = BigInt(ms) * 1000n
    }
    bindings.copy_data_to_vector(vector, 0, words.buffer, 0, count * 8)
    nulls.write(bindings, vector, count)
  }
}

/** Milliseconds of a Date; NaN for null and for codes without a time. */
export function timeOf(value: unknown): number {
  return isDate(value) ? dateMs(value) : Number.NaN
}

/** The stored number of a value of an enum. */
export function codeIn(codes: ReadonlyMap<unknown, number>): (value: unknown) => number {
  return value => {
    const code = codes.get(value)
    if (code === undefined) throw new InvariantError(`No code for the enum value ${String(value)}`)
    return code
  }
}
