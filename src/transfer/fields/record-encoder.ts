/**
 * How do the cells of one row become one record? Cells are given field by field; what is missing, null or absent is settled at the end.
 *
 *   RX1  a field without a cell is absent if it may be, else its default, else null. Otherwise the row does not fit.
 *   RX2  a null cell is null if the field may be, else absent, else its default; an empty cell of a text field is the empty text.
 *   RX3  an object, tuple or array that may be null is null if all its fields are missing or null.
 *   RX4  a schema with refinements is asked about the whole record, as by `append`.
 */

import { StrideError } from '../../errors.ts'
import { type Codec, isText, ownBits } from '../../schema/index.ts'
import type { RecordImage } from './cell.ts'
import { CellWriter } from './cell-writers.ts'
import type { Guard, Leaf } from './leaves.ts'
import type { TextFormat } from './text-format.ts'

const MISSING = 0
const NULL = 1
/** An empty cell, which is an empty text where no null is possible. */
const EMPTY = 2
const PRESENT = 3

/** A guard with the fields inside. */
interface Guarded {
  readonly guard: Guard
  readonly inner: readonly number[]
}

export class RecordEncoder {
  /** The record, once `end` has returned undefined. */
  readonly image: RecordImage
  /** The field that does not fit. */
  field = ''
  readonly #codec: Codec
  readonly #writers: readonly CellWriter[]
  readonly #empty: Buffer
  /** What each field is in this row. */
  readonly #states: Uint8Array
  /** Fields that got a null or no cell, without null bits of their own: only an object around them can be null. */
  #isIncomplete = false
  readonly #guarded: readonly Guarded[]
  readonly #bitmap: number
  /** How many fields have a cell so far. */
  #given = 0

  constructor(codec: Codec, leaves: readonly Leaf[], format: TextFormat) {
    this.#codec = codec
    this.#writers = leaves.map(leaf => new CellWriter(leaf, format))
    this.#states = new Uint8Array(leaves.length)
    this.#bitmap = codec.layout.bitmap?.offset ?? 0
    const bytes = Buffer.alloc(codec.layout.recordSize)
    this.image = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
    this.#empty = Buffer.alloc(bytes.length)
    const guards = new Map<string, Guard>()
    for (const leaf of leaves) for (const guard of leaf.guards) guards.set(guard.path, guard)
    this.#guarded = [...guards.values()]
      .map(guard => ({
        guard,
        inner: [...leaves.keys()].filter(i => leaves[i]?.guards.some(({ path }) => path === guard.path)),
      }))
      .reverse()
  }

  /** Begins a record: every field is missing. */
  begin(): void {
    this.image.bytes.set(this.#empty)
    this.#states.fill(MISSING)
    this.#given = 0
    this.#isIncomplete = false
  }

  /** Stores a cell in field i. @returns why it does not fit; undefined if it does */
  cell(i: number, bytes: Buffer, from: number, to: number): string | undefined {
    this.#note(i, PRESENT)
    const reason = (this.#writers[i] as CellWriter).write(bytes, from, to, this.image)
    if (reason !== undefined) this.field = this.#path(i)
    return reason
  }

  /** Stores a value in field i, which is neither null nor undefined. @returns why it does not fit */
  value(i: number, value: unknown): string | undefined {
    this.#note(i, PRESENT)
    const reason = (this.#writers[i] as CellWriter).writeValue(value, this.image)
    if (reason !== undefined) this.field = this.#path(i)
    return reason
  }

  /** Field i is null. @param isEmpty whether that was said by an empty cell */
  null(i: number, isEmpty: boolean): string | undefined {
    const { leaf } = this.#writers[i] as CellWriter
    const { node, bit } = leaf
    this.#note(i, isEmpty ? EMPTY : NULL)
    if (node.nullable) this.#setBit(bit)
    else if (node.optional) this.#setBit(bit)
    else if (node.fallback !== null) return this.#default(i)
    else if (isEmpty && isText(node) && leaf.guards.length === 0) return this.cell(i, this.#empty, 0, 0)
    else this.#isIncomplete = true
    return undefined
  }

  /** Settles missing fields and refinements. @returns why the record does not fit; undefined if `image` is one */
  end(): string | undefined {
    if (this.#given < this.#writers.length) {
      for (let i = 0; i < this.#states.length; i++) {
        const reason = this.#states[i] === MISSING ? this.#missing(i) : undefined
        if (reason !== undefined) return reason
      }
    }
    if (this.#guarded.length > 0) this.#settleGuards()
    if (this.#isIncomplete) {
      const reason = this.#incomplete()
      if (reason !== undefined) return reason
    }
    return this.#codec.refined ? this.#refined() : undefined
  }

  #note(i: number, state: number): void {
    if (this.#states[i] === MISSING) this.#given++
    this.#states[i] = state
  }

  #missing(i: number): string | undefined {
    const { node, bit } = (this.#writers[i] as CellWriter).leaf
    if (node.optional) this.#setBit(node.nullable ? bit + 1 : bit)
    else if (node.fallback !== null) return this.#default(i)
    else if (node.nullable) this.#setBit(bit)
    else this.#isIncomplete = true
    return undefined
  }

  #default(i: number): string | undefined {
    const { fallback } = (this.#writers[i] as CellWriter).leaf.node
    const state = this.#states[i] as number
    const reason = this.value(i, fallback?.())
    // It does not keep an object around it from being null.
    if ((this.#writers[i] as CellWriter).leaf.guards.length > 0) this.#states[i] = state
    return reason === undefined ? undefined : `its default does not fit: ${reason}`
  }

  /** Makes each guard null whose fields are all missing or null. Inner ones come first. */
  #settleGuards(): void {
    for (const { guard, inner } of this.#guarded) {
      if (inner.some(i => this.#states[i] === PRESENT)) continue
      const { node, offset, bit } = guard
      this.image.bytes.fill(0, offset, offset + node.width)
      for (let b = bit; b < bit + node.bits; b++) this.#clearBit(b)
      this.#setBit(bit)
    }
  }

  /** The first field that has no value, without a guard that is null. */
  #incomplete(): string | undefined {
    for (const [i, { leaf }] of this.#writers.entries()) {
      const { node, guards } = leaf
      const state = this.#states[i]
      if (state === PRESENT || ownBits(node) > 0 || node.fallback !== null) continue
      const isGuarded = guards.some(guard =>
        this.#guarded.some(
          ({ guard: { path }, inner }) =>
            path === guard.path && !inner.some(each => this.#states[each] === PRESENT),
        ),
      )
      if (isGuarded) continue
      if (state === EMPTY && isText(node)) {
        this.cell(i, this.#empty, 0, 0)
        continue
      }
      this.field = leaf.path
      return state !== MISSING ? 'it is empty' : 'it is missing'
    }
    return undefined
  }

  #refined(): string | undefined {
    const { view, bytes } = this.image
    try {
      this.#codec.encode(this.#codec.decode(view, bytes, 0), view, bytes, 0)
      return undefined
    } catch (error) {
      if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_RECORD') throw error
      this.field = error.field ?? ''
      return error.issues?.[0]?.message ?? error.message
    }
  }

  #path(i: number): string {
    return (this.#writers[i] as CellWriter).leaf.path
  }

  #setBit(bit: number): void {
    const at = this.#bitmap + (bit >> 3)
    this.image.bytes[at] = (this.image.bytes[at] as number) | (1 << (bit & 7))
  }
  #clearBit(bit: number): void {
    const at = this.#bitmap + (bit >> 3)
    this.image.bytes[at] = (this.image.bytes[at] as number) & ~(1 << (bit & 7))
  }
}
