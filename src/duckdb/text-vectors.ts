/**
 * How are texts, bytes and UUIDs copied into a vector of DuckDB?
 *
 *   QT1  a text of at most 12 bytes lies in its entry of 16 bytes (duckdb_string_t in duckdb.h). All longer ones of a chunk are given to
 *        DuckDB as one text, which the vector keeps; their entries point into it. This takes two calls for each chunk, not one for each
 *        text.
 */

import type { Bindings, Vector } from './package.ts'
import { Nulls, type Values, type VectorWriter } from './vectors.ts'

const ENTRY_BYTES = 16
const INLINE_BYTES = 12
const HEAP_BYTES = 1 << 16

export class TextWriter implements VectorWriter {
  readonly #nulls = new Nulls()
  #entries = new Uint8Array(0)
  #words = new Uint32Array(0)
  #heap = Buffer.alloc(HEAP_BYTES)

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    if (this.#words.length < count * 4) {
      this.#words = new Uint32Array(count * 4)
      this.#entries = new Uint8Array(this.#words.buffer)
    }
    this.#words.fill(0, 0, count * 4)
    const nulls = this.#nulls
    nulls.begin(count)
    let used = 0
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (value === null || value === undefined) {
        nulls.add(i)
        continue
      }
      const end = this.#append(value as string | Uint8Array, used)
      if (this.#entry(i, used, end)) used = end
    }
    if (used > 0) this.#pointIntoVector(bindings, vector, used, count)
    bindings.copy_data_to_vector(vector, 0, this.#words.buffer, 0, count * ENTRY_BYTES)
    nulls.write(bindings, vector, count)
  }

  /** @returns the end of its bytes in the heap */
  #append(value: string | Uint8Array, at: number): number {
    const { length } = value
    const most = at + 3 * length
    if (most > this.#heap.length)
      this.#heap = Buffer.concat([this.#heap], Math.max(most, 2 * this.#heap.length))
    const heap = this.#heap
    if (typeof value !== 'string') {
      heap.set(value, at)
      return at + length
    }
    for (let k = 0; k < length; k++) {
      const unit = value.charCodeAt(k)
      if (unit > 0x7f) return at + heap.write(value, at, 'utf8')
      heap[at + k] = unit
    }
    return at + length
  }

  /** @returns whether the bytes stay in the heap */
  #entry(row: number, from: number, end: number): boolean {
    const length = end - from
    this.#words[row * 4] = length
    const at = row * ENTRY_BYTES + 4
    const inEntry = length <= INLINE_BYTES ? length : 4
    for (let k = 0; k < inEntry; k++) this.#entries[at + k] = this.#heap[from + k] as number
    if (length <= INLINE_BYTES) return false
    this.#words[row * 4 + 2] = from
    return true
  }

  /** Has the vector keep the heap, and makes offsets in it addresses. */
  #pointIntoVector(bindings: Bindings, vector: Vector, used: number, count: number): void {
    bindings.vector_assign_string_element_len(vector, 0, this.#heap.subarray(0, used))
    const kept = bindings.vector_get_data(vector, ENTRY_BYTES)
    const address = new DataView(kept.buffer, kept.byteOffset, ENTRY_BYTES)
    const low = address.getUint32(8, true)
    const high = address.getUint32(12, true)
    const words = this.#words
    for (let i = 0; i < count; i++) {
      if ((words[4 * i] as number) <= INLINE_BYTES) continue
      const sum = low + (words[4 * i + 2] as number)
      words[4 * i + 2] = sum
      words[4 * i + 3] = high + (sum >= 2 ** 32 ? 1 : 0)
    }
  }
}

/** UUIDs: an integer of 128 bits whose highest bit is flipped, so that it compares like the text. */
export class UuidWriter implements VectorWriter {
  readonly #nulls = new Nulls()

  write(bindings: Bindings, vector: Vector, values: Values, count: number): void {
    const out = Buffer.alloc(count * 16)
    this.#nulls.begin(count)
    for (let i = 0; i < count; i++) {
      const value = values[i] as string | null | undefined
      if (value === null || value === undefined) {
        this.#nulls.add(i)
        continue
      }
      const bytes = out.subarray(i * 16, i * 16 + 16)
      bytes.write(value.replaceAll('-', ''), 'hex')
      bytes.reverse()
      bytes[15] = (bytes[15] as number) ^ 0x80
    }
    bindings.copy_data_to_vector(vector, 0, out.buffer, out.byteOffset, out.length)
    this.#nulls.write(bindings, vector, count)
  }
}
