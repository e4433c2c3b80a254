/**
 * What does a column look like: one field, read from many records?
 *
 *   CL1  numbers come in the field's own typed array, dates in a Float64Array of milliseconds, booleans in a Uint8Array. Text, enums,
 *       objects and everything that can be null come in a plain array.
 *   CL2  tuples and arrays are flattened: `width` elements a record.
 * The reference implementation: plain-column.ts. The fast one: compiled-column.ts.
 */

import type { FoundField } from './fields.ts'
import { BIGINTS, isMeant, isNumber, type Node, NUMBERS, ownBits } from './kinds.ts'
import { meaningOf } from './meanings-by-kind.ts'

/** The typed array of a column. */
export type TypedColumn =
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

/** The array of a column: a typed array, or a plain one for text, enums, objects and nullable fields. */
export type ColumnArray = TypedColumn | unknown[]

/** One field of every record, read into an array. */
export interface Column {
  /** An array for `length` records (length * width elements). */
  allocate(length: number): ColumnArray
  /** Elements that a record takes. */
  readonly width: number
  /** Checks the value for absent records. @returns a function that gives each element of it @throws TypeError, RangeError */
  missing(value: unknown): () => unknown
  /** Reads `count` consecutive records from byte `at` into out, from element outIndex. @throws ERR_STRIDE_CORRUPT */
  span(view: DataView, bytes: Buffer, at: number, count: number, out: ColumnArray, outIndex: number): void
  /**
   * Reads the records numbers[i], numbers[i + 1] … below `end` into out[i * width] … as long as each is a whole
   * number in [first, first + count); `base` is the byte position of record `first`.
   * @returns the first i that was not read; `end` when all were
   */
  run(
    view: DataView,
    bytes: Buffer,
    base: number,
    first: number,
    count: number,
    numbers: ArrayLike<number>,
    i: number,
    end: number,
    out: ColumnArray,
  ): number
}

/** The name of a column's array class. */
export type ElementArray =
  | 'Array'
  | (typeof NUMBERS)[keyof typeof NUMBERS]['array']
  | 'BigInt64Array'
  | 'BigUint64Array'

export interface ColumnShape {
  readonly array: ElementArray
  /** Elements that a record takes. */
  readonly width: number
  /** The field of each element. */
  readonly leaves: readonly Node[]
}

/** The array a field's column has, and how many elements a record takes in it. */
export function columnShape(field: FoundField): ColumnShape {
  const guarded = field.guards.length > 0
  const leaves: Node[] = []
  if (guarded) leaves.push(field.node)
  else collectLeaves(field.node, leaves)
  const arrays = new Set(leaves.map(arrayOf))
  const [only] = arrays
  // A tuple of several number types becomes doubles; with anything else in it, a plain array.
  const mixed = [...arrays].every(name => name !== 'Array' && !name.startsWith('Big'))
    ? 'Float64Array'
    : 'Array'
  const array = guarded ? 'Array' : arrays.size === 1 ? (only as ElementArray) : mixed
  return { array, width: leaves.length, leaves }
}

/** Whether a field's elements are laid out one by one instead of as one value. */
export function isFlattened(node: Node): boolean {
  return (node.type === 'tuple' || node.type === 'array') && ownBits(node) === 0
}

const CONSTRUCTORS = {
  Array,
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const

/** The class of a column's array. */
export function columnClass(array: ElementArray): new (elements: number) => ColumnArray {
  return CONSTRUCTORS[array]
}

function collectLeaves(node: Node, leaves: Node[]): void {
  if (!isFlattened(node)) leaves.push(node)
  else if (node.type === 'tuple') for (const item of node.items) collectLeaves(item, leaves)
  else if (node.type === 'array') for (let i = 0; i < node.length; i++) collectLeaves(node.element, leaves)
}

function arrayOf(node: Node): ElementArray {
  if (ownBits(node) > 0) return 'Array'
  if (isNumber(node)) return NUMBERS[node.type].array
  if (isMeant(node)) return meaningOf(node).array
  if (node.type === 'u64' || node.type === 'i64') return BIGINTS[node.type].array
  if (node.type === 'date') return 'Float64Array'
  return node.type === 'boolean' && !node.lenient ? 'Uint8Array' : 'Array'
}
