/**
 * What kinds of field are there, and how many bytes does each take?
 *
 * Two trees share these kinds. `Declared` is what a schema says (zod-reader.ts makes it); `Node` is the same
 * tree with every offset and null bit settled (layout.ts makes it). Codecs and descriptions walk Nodes only.
 *   KN1  type names are part of the canonical form and so of files: they never change their meaning.
 */

/** Byte order. */
export type Endian = 'little' | 'big'
export type TextEncoding = 'ascii' | 'latin1' | 'utf8'
export type Padding = 'zero' | 'space'
/** Number types, safeint is z.int(): a safe integer, exact in a double. */
export type NumberType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'safeint' | 'f32' | 'f64'
/** 64-bit integers, bigint in JavaScript. */
export type BigIntType = 'u64' | 'i64'
/** What a field can be. */
export type FieldType =
  | NumberType
  | BigIntType
  | TextEncoding
  | 'boolean'
  | 'date'
  | 'enum'
  | 'bytes'
  | 'object'
  | 'tuple'
  | 'array'

/** Number types with their range. `accessor` names the DataView methods, `array` the typed array of a column. */
export const NUMBERS = {
  u8: { size: 1, integer: true, min: 0, max: 0xff, accessor: 'Uint8', array: 'Uint8Array' },
  i8: { size: 1, integer: true, min: -0x80, max: 0x7f, accessor: 'Int8', array: 'Int8Array' },
  u16: { size: 2, integer: true, min: 0, max: 0xffff, accessor: 'Uint16', array: 'Uint16Array' },
  i16: { size: 2, integer: true, min: -0x8000, max: 0x7fff, accessor: 'Int16', array: 'Int16Array' },
  u32: { size: 4, integer: true, min: 0, max: 0xffffffff, accessor: 'Uint32', array: 'Uint32Array' },
  i32: { size: 4, integer: true, min: -0x80000000, max: 0x7fffffff, accessor: 'Int32', array: 'Int32Array' },
  safeint: {
    size: 8,
    integer: true,
    min: Number.MIN_SAFE_INTEGER,
    max: Number.MAX_SAFE_INTEGER,
    accessor: 'Float64',
    array: 'Float64Array',
  },
  f32: {
    size: 4,
    integer: false,
    min: -3.4028234663852886e38,
    max: 3.4028234663852886e38,
    accessor: 'Float32',
    array: 'Float32Array',
  },
  f64: {
    size: 8,
    integer: false,
    min: -Number.MAX_VALUE,
    max: Number.MAX_VALUE,
    accessor: 'Float64',
    array: 'Float64Array',
  },
} as const satisfies Record<NumberType, unknown>

/** The same of 64-bit integers. */
export const BIGINTS = {
  u64: { size: 8, min: 0n, max: 0xffffffffffffffffn, accessor: 'BigUint64', array: 'BigUint64Array' },
  i64: {
    size: 8,
    min: -0x8000000000000000n,
    max: 0x7fffffffffffffffn,
    accessor: 'BigInt64',
    array: 'BigInt64Array',
  },
} as const satisfies Record<BigIntType, unknown>

/** The widest time a Date can hold, milliseconds (ECMA-262, 21.4.1.1). */
export const DATE_MS_MAX = 8.64e15

/** A value that z.enum or z.literal may list and a code can stand for. */
export type EnumValue = string | number | boolean | bigint | null

export interface NumberKind {
  readonly type: NumberType
  /** NaN and the infinities are allowed: a float of a foreign format. */
  readonly nonFinite: boolean
}
export interface BigIntKind {
  readonly type: BigIntType
}
/** One unsigned code, 0 or 1. */
export interface BooleanKind {
  readonly type: 'boolean'
}
/** Milliseconds since 1970 UTC as a signed 64-bit integer. */
export interface DateKind {
  readonly type: 'date'
}
/** An unsigned code for one of the values; `codes[i]` stands for `values[i]`. */
export interface EnumKind {
  readonly type: 'enum'
  readonly values: readonly EnumValue[]
  readonly codes: readonly number[]
}
export interface TextKind {
  readonly type: TextEncoding
  /** Bytes, not characters. */
  readonly length: number
  readonly padding: Padding
}
export interface BytesKind {
  readonly type: 'bytes'
  readonly length: number
}
export interface Member<Child> {
  readonly name: string
  readonly node: Child
}
export interface ObjectKind<Child> {
  readonly type: 'object'
  readonly members: readonly Member<Child>[]
  /** Unknown keys are ignored instead of refused (z.looseObject). */
  readonly loose: boolean
}
export interface TupleKind<Child> {
  readonly type: 'tuple'
  readonly items: readonly Child[]
}
export interface ArrayKind<Child> {
  readonly type: 'array'
  readonly element: Child
  readonly length: number
}

/** Kinds without fields inside. */
export type LeafKind = NumberKind | BigIntKind | BooleanKind | DateKind | EnumKind | TextKind | BytesKind
export type Kind<Child> = LeafKind | ObjectKind<Child> | TupleKind<Child> | ArrayKind<Child>

export interface Presence {
  readonly nullable: boolean
  readonly optional: boolean
  /** Gives the value that stands for undefined (z.default); null where there is none. Not part of the layout. */
  readonly fallback: (() => unknown) | null
}

/** What metadata fixed about a field's place. */
export interface FixedPlace {
  readonly offset?: number
  readonly width?: number
  readonly endian?: Endian
}

interface Fixed extends Presence {
  readonly fixed: FixedPlace
}
interface DeclaredObject extends ObjectKind<Declared>, Fixed {}
interface DeclaredTuple extends TupleKind<Declared>, Fixed {}
interface DeclaredArray extends ArrayKind<Declared>, Fixed {}

/** A field as its schema declares it. */
export type Declared = (LeafKind & Fixed) | DeclaredObject | DeclaredTuple | DeclaredArray

/** Null bits of a record, behind its fields. */
export interface NullBitmap {
  /** Bytes from the record's start. */
  readonly offset: number
  /** Bytes. */
  readonly size: number
}

interface Placed extends Presence, Place {}
export interface ObjectNode extends ObjectKind<Node>, Placed {}
export interface TupleNode extends TupleKind<Node>, Placed {}
export interface ArrayNode extends ArrayKind<Node>, Placed {}
export type LeafNode = LeafKind & Placed

/** A field with its place settled. */
export type Node = LeafNode | ObjectNode | TupleNode | ArrayNode

export interface Place {
  /** Bytes from the start of the enclosing object or tuple; 0 for an array's element. */
  readonly offset: number
  /** Bytes that hold the value. */
  readonly size: number
  /** Bytes reserved, at least `size`; the rest is padding. The stride of an array's element. */
  readonly width: number
  readonly alignment: number
  readonly endian: Endian
  /** Null bits taken, those of the fields inside included. */
  readonly bits: number
  /** First of them, counted from the enclosing node's first. */
  readonly bit: number
}

export type NumberNode = NumberKind & Placed
export type EnumNode = EnumKind & Placed
export type TextNode = TextKind & Placed

export function isNumber(node: Node): node is NumberNode {
  return node.type in NUMBERS
}

export function isText(node: Node): node is TextNode {
  return node.type === 'ascii' || node.type === 'latin1' || node.type === 'utf8'
}

/** Whether other nodes lie inside. */
export function isContainer(node: Node): node is ObjectNode | TupleNode | ArrayNode {
  return node.type === 'object' || node.type === 'tuple' || node.type === 'array'
}

/** Whether byte order means anything for the node itself. */
export function hasByteOrder(node: Node): boolean {
  return !isContainer(node) && !isText(node) && node.type !== 'bytes' && node.size > 1
}

/** The node's own null bits: one for nullable, one for optional. */
export function ownBits(node: { readonly nullable: boolean; readonly optional: boolean }): number {
  return (node.nullable ? 1 : 0) + (node.optional ? 1 : 0)
}

/** Whether some bytes of the node belong to no value: a writer must zero them. */
export function hasGaps(node: Node): boolean {
  if (node.width > node.size) return true
  if (!isContainer(node)) return false
  if (node.type === 'array') return hasGaps(node.element)
  const children = node.type === 'object' ? node.members.map(member => member.node) : node.items
  return children.some(hasGaps) || children.reduce((sum, child) => sum + child.width, 0) < node.size
}
