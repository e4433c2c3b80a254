/**
 * How are objects, tuples and arrays copied into a vector of DuckDB?
 *
 *   QN1  objects, unions and tuples of different types are a STRUCT. A union has the members of all its variants.
 *   QN2  arrays, and tuples of one type, are an ARRAY. Where they or their elements may be null they are a LIST, since the validity of an
 *        ARRAY's elements has room for the rows of a chunk only.
 */

import type { Bindings, Vector } from './package.ts'
import { Nulls, type Values, type VectorWriter } from './vectors.ts'

/** Objects, from one array of values for each member. */
export class StructWriter implements VectorWriter {
  readonly #names: readonly string[]
  readonly #writers: readonly VectorWriter[]
  readonly #nulls = new Nulls()

  constructor(names: readonly string[], writers: readonly VectorWriter[]) {
    this.#names = names
    this.#writers = writers
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    this.#nulls.begin(count)
    for (let i = 0; i < count; i++) if (isAbsent(values[i])) this.#nulls.add(i)
    this.#nulls.write(bindings, vector, count)
    for (const [k, writer] of this.#writers.entries()) {
      const name = this.#names[k] as string
      const member: unknown[] = new Array(count)
      for (let i = 0; i < count; i++) {
        const object = values[i] as Readonly<Record<string, unknown>> | null | undefined
        member[i] =
          object === null || object === undefined || !Object.hasOwn(object, name) ? null : object[name]
      }
      writer.write(bindings, bindings.struct_vector_get_child(vector, k), member, count)
    }
  }
}

/** Tuples of different types. */
export class TupleWriter implements VectorWriter {
  readonly #writers: readonly VectorWriter[]
  readonly #widths: readonly number[]
  readonly #nulls = new Nulls()

  /** @param widths how many elements of a flat column each item takes */
  constructor(writers: readonly VectorWriter[], widths: readonly number[]) {
    this.#writers = writers
    this.#widths = widths
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    this.#nulls.begin(count)
    for (let i = 0; i < count; i++) if (isAbsent(values[i])) this.#nulls.add(i)
    this.#nulls.write(bindings, vector, count)
    for (const [k, writer] of this.#writers.entries()) {
      const items: unknown[] = new Array(count)
      for (let i = 0; i < count; i++) items[i] = (values[i] as Values | null | undefined)?.[k]
      writer.write(bindings, bindings.struct_vector_get_child(vector, k), items, count)
    }
  }

  writeFlat(bindings: Bindings, vector: Vector, flat: Values, count: number): void {
    const stride = this.#widths.reduce((sum, width) => sum + width, 0)
    let first = 0
    for (const [k, writer] of this.#writers.entries()) {
      const width = this.#widths[k] as number
      // A number in a typed array may be a time, in a plain array it is none.
      const items = Array.isArray(flat) ? new Array(count * width) : new Float64Array(count * width)
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < width; j++) items[i * width + j] = flat[i * stride + first + j]
      }
      writeElements(bindings, writer, bindings.struct_vector_get_child(vector, k), items, count)
      first += width
    }
  }
}

/** Arrays of one length, none of which is null. */
export class ArrayWriter implements VectorWriter {
  readonly #element: VectorWriter
  readonly #length: number

  constructor(element: VectorWriter, length: number) {
    this.#element = element
    this.#length = length
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    const elements: unknown[] = []
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < this.#length; k++) elements.push((values[i] as Values)[k])
    }
    this.#element.write(bindings, bindings.array_vector_get_child(vector), elements, elements.length)
  }

  writeFlat(bindings: Bindings, vector: Vector, flat: Values, count: number): void {
    const child = bindings.array_vector_get_child(vector)
    writeElements(bindings, this.#element, child, flat, count * this.#length)
  }
}

/** Arrays that may be null, or whose elements may be. */
export class ListWriter implements VectorWriter {
  readonly #element: VectorWriter
  readonly #length: number
  readonly #nulls = new Nulls()

  constructor(element: VectorWriter, length: number) {
    this.#element = element
    this.#length = length
  }

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    const elements: unknown[] = []
    const ends: number[] = []
    this.#nulls.begin(count)
    for (let i = 0; i < count; i++) {
      const array = values[i] as Values | null | undefined
      if (array === null || array === undefined) this.#nulls.add(i)
      else for (let k = 0; k < this.#length; k++) elements.push(array[k])
      ends.push(elements.length)
    }
    this.#element.write(bindings, this.#child(bindings, vector, ends), elements, elements.length)
    this.#nulls.write(bindings, vector, count)
  }

  writeFlat(bindings: Bindings, vector: Vector, flat: Values, count: number): void {
    const ends = Array.from({ length: count }, (_, i) => (i + 1) * this.#length)
    writeElements(bindings, this.#element, this.#child(bindings, vector, ends), flat, count * this.#length)
  }

  /** Gives each row offset and length (duckdb_list_entry). @returns the vector of the elements */
  #child(bindings: Bindings, vector: Vector, ends: readonly number[]): Vector {
    const entries = new BigUint64Array(ends.length * 2)
    let start = 0
    for (const [i, end] of ends.entries()) {
      entries[2 * i] = BigInt(start)
      entries[2 * i + 1] = BigInt(end - start)
      start = end
    }
    bindings.list_vector_reserve(vector, start)
    bindings.list_vector_set_size(vector, start)
    bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength)
    return bindings.list_vector_get_child(vector)
  }
}

function writeElements(b: Bindings, writer: VectorWriter, vector: Vector, flat: Values, count: number): void {
  if (writer.writeFlat === undefined) writer.write(b, vector, flat, count)
  else writer.writeFlat(b, vector, flat, count)
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined
}
