/**
 * Which group does a record belong to? Groups are told apart by the bytes of their fields, as 32-bit words in a hash table.
 *
 *   GR1  a group's values are read from its first record. Groups whose values are equal although their bytes are not (0 and -0, bytes
 *        behind the end of a text) are joined at the end.
 *   GR2  more than `maxGroups` groups are refused.
 */

import { StrideError } from '../errors.ts'
import type { Codec } from '../schema/index.ts'
import type { Accumulator } from './accumulators.ts'
import { type ComparableValue, comparableFrom, type ReadComparable, valueReader } from './comparable.ts'
import { keyReader } from './key-reader.ts'
import type { QueriedField } from './queried-field.ts'

const CAPACITY_MIN = 64

type ToComparable = ReturnType<typeof comparableFrom>

/** A group at the end: its values, and its number among the accumulators. */
export interface Group {
  readonly values: readonly unknown[]
  readonly number: number
}

export class Groups {
  readonly #fields: readonly QueriedField[]
  readonly #accumulators: readonly Accumulator[]
  readonly #max: number
  readonly #reads: readonly ((view: DataView, bytes: Buffer, at: number) => unknown)[]
  readonly #keyReads: readonly ReadComparable[]
  readonly #toComparable: readonly ToComparable[]
  /** Words of a key. */
  readonly width: number
  #capacity = 0
  size = 0
  /** The group of each place of the hash table; -1 if it is free. */
  slots = new Int32Array(0)
  /** The words of each group's key. */
  keys = new Int32Array(0)
  mask = 0
  #hashes = new Int32Array(0)
  readonly #values: unknown[][] = []
  readonly #texts = new Map<string, number>()
  readonly #byKey = new Map<string, number>()

  constructor(
    codec: Codec,
    fields: readonly QueriedField[],
    accumulators: readonly Accumulator[],
    width: number,
    max: number,
  ) {
    this.#fields = fields
    this.#accumulators = accumulators
    this.#max = max
    this.width = width
    this.#reads = fields.map(field => valueReader(codec, field))
    this.#keyReads = fields.map(field => keyReader(codec, field))
    this.#toComparable = fields.map(({ node }) => comparableFrom(node))
    this.#grow(CAPACITY_MIN)
    if (fields.length === 0) this.size = 1
  }

  /** The number of a long text, as a word of a key. */
  readonly wordOf = (text: string): number => {
    let word = this.#texts.get(text)
    if (word === undefined) this.#texts.set(text, (word = this.#texts.size))
    return word
  }

  /** Adds a group for the key in `words`, whose place in the table is the free one from `hash` on. @returns its number */
  add(hash: number, words: Int32Array, view: DataView, bytes: Buffer, at: number): number {
    const g = this.#next(this.#reads.map(read => read(view, bytes, at)))
    this.keys.set(words, g * this.width)
    this.#hashes[g] = hash
    this.#place(g)
    return g
  }

  /** The group of a record, by its values: for interpreted queries. */
  of(view: DataView, bytes: Buffer, at: number): number {
    if (this.#fields.length === 0) return 0
    const key = keyText(this.#keyReads.map(read => read(view, bytes, at)))
    let g = this.#byKey.get(key)
    if (g === undefined) this.#byKey.set(key, (g = this.#next(this.#reads.map(read => read(view, bytes, at)))))
    return g
  }

  /** The groups in the order in which they were met, equal ones joined. */
  joined(): readonly Group[] {
    if (this.#fields.length === 0) return [{ values: [], number: 0 }]
    const groups: Group[] = []
    const seen = this.#fields.every(isExact) ? undefined : new Map<string, number>()
    for (let g = 0; g < this.size; g++) {
      const values = this.#values[g] as unknown[]
      if (seen !== undefined) {
        const key = keyText(values.map((value, i) => (this.#toComparable[i] as ToComparable)(value)))
        const first = seen.get(key)
        if (first !== undefined) {
          for (const each of this.#accumulators) each.merge(first, each, g)
          continue
        }
        seen.set(key, g)
      }
      groups.push({ values, number: g })
    }
    return groups
  }

  #next(values: unknown[]): number {
    const g = this.size
    if (g >= this.#max) {
      const names = this.#fields.map(({ path }) => path).join(', ')
      throw new StrideError(
        'ERR_STRIDE_LIMIT',
        `groupBy ${names} has more than ${this.#max} groups: raise maxGroups`,
      )
    }
    if (g >= this.#capacity) this.#grow(this.#capacity * 4)
    this.#values.push(values)
    this.size = g + 1
    return g
  }

  #grow(capacity: number): void {
    this.#capacity = capacity
    for (const each of this.#accumulators) each.grow(capacity)
    if (this.#fields.length === 0) return
    const keys = new Int32Array(capacity * this.width)
    keys.set(this.keys)
    this.keys = keys
    const hashes = new Int32Array(capacity)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.slots = new Int32Array(capacity * 4).fill(-1)
    this.mask = this.slots.length - 1
    for (let g = 0; g < this.size; g++) this.#place(g)
  }

  #place(g: number): void {
    let slot = (this.#hashes[g] as number) & this.mask
    while ((this.slots[slot] as number) >= 0) slot = (slot + 1) & this.mask
    this.slots[slot] = g
  }
}

/** Whether values of the field are equal only if their bytes are. */
function isExact({ as, node }: QueriedField): boolean {
  if (as === 'number')
    return (
      node.type !== 'f16' &&
      node.type !== 'f32' &&
      node.type !== 'f64' &&
      node.type !== 'safeint' &&
      node.type !== 'numbertext'
    )
  return as === 'code' || as === 'bigint' || as === 'time' || as === 'bytes' || as === 'string'
}

/** Text that is equal for equal comparable values of the same fields. */
function keyText(values: readonly ComparableValue[]): string {
  let text = ''
  for (const value of values) {
    // -0 is shown as 0.
    const part = ArrayBuffer.isView(value) ? Buffer.from(value as Uint8Array).toString('latin1') : String(value)
    text += `${value === null ? 'n' : `${part.length}:`}${part}`
  }
  return text
}
