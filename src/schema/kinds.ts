/**
 * What kinds of field are there, and how many bytes does each take?
 *
 * Two trees consist of these kinds. zod-reader.ts makes a tree of `Declared` from a schema (declared.ts); layout.ts makes a tree of
 * `Node` from that, with every offset and null bit. Codecs and descriptions only use Nodes.
 *   KN1  type names are part of the canonical form, and so of files: their meaning never changes.
 */

/** Byte order. */
export type Endian = 'little' | 'big'
/** How text becomes bytes. */
export type TextEncoding = 'ascii' | 'latin1' | 'utf8' | 'utf16le' | 'utf16be'
/** How the end of a text is stored: by NUL bytes ('zero'), spaces, either of them, or a length in the field's first byte. */
export type Padding = 'zero' | 'space' | 'either' | 'length'
/** Number types that a DataView reads. 'safeint' is z.int(): a safe integer, stored as a double. */
export type ViewedNumberType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'safeint' | 'f32' | 'f64'
/** Number types that a DataView does not read: integers of 3 and 6 bytes, and 16-bit floats. */
export type OddNumberType = 'u24' | 'i24' | 'u48' | 'i48' | 'f16'
/** Types whose values are numbers. */
export type NumberType = ViewedNumberType | OddNumberType
/** 64-bit integers, bigint in JavaScript. */
export type BigIntType = 'u64' | 'i64'
/** Integers in which a time or a decimal number can be stored. */
export type IntegerType = Exclude<NumberType, 'safeint' | 'f16' | 'f32' | 'f64'> | BigIntType
/** Types of values that are stored as something else, a Date as seconds for example. */
export type MeantType =
  | 'decimal'
  | 'unix'
  | 'filetime'
  | 'dosdatetime'
  | 'dosdate'
  | 'uuid'
  | 'guid'
  | 'numbertext'
  | 'bits'
/** The type of a field. */
export type FieldType =
  | NumberType
  | BigIntType
  | TextEncoding
  | MeantType
  | 'boolean'
  | 'date'
  | 'enum'
  | 'bytes'
  | 'object'
  | 'tuple'
  | 'array'
  | 'union'

/** Number types with their range. `accessor` names the DataView methods, if there are any; `array` is the typed array of a column. */
export const NUMBERS = {
  u8: { size: 1, integer: true, min: 0, max: 0xff, accessor: 'Uint8', array: 'Uint8Array' },
  i8: { size: 1, integer: true, min: -0x80, max: 0x7f, accessor: 'Int8', array: 'Int8Array' },
  u16: { size: 2, integer: true, min: 0, max: 0xffff, accessor: 'Uint16', array: 'Uint16Array' },
  i16: { size: 2, integer: true, min: -0x8000, max: 0x7fff, accessor: 'Int16', array: 'Int16Array' },
  u32: { size: 4, integer: true, min: 0, max: 0xffffffff, accessor: 'Uint32', array: 'Uint32Array' },
  i32: { size: 4, integer: true, min: -0x80000000, max: 0x7fffffff, accessor: 'Int32', array: 'Int32Array' },
  u24: { size: 3, integer: true, min: 0, max: 0xffffff, accessor: null, array: 'Uint32Array' },
  i24: { size: 3, integer: true, min: -0x800000, max: 0x7fffff, accessor: null, array: 'Int32Array' },
  u48: { size: 6, integer: true, min: 0, max: 2 ** 48 - 1, accessor: null, array: 'Float64Array' },
  i48: { size: 6, integer: true, min: -(2 ** 47), max: 2 ** 47 - 1, accessor: null, array: 'Float64Array' },
  safeint: {
    size: 8,
    integer: true,
    min: Number.MIN_SAFE_INTEGER,
    max: Number.MAX_SAFE_INTEGER,
    accessor: 'Float64',
    array: 'Float64Array',
  },
  f16: { size: 2, integer: false, min: -65504, max: 65504, accessor: null, array: 'Float32Array' },
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

/** The 64-bit integers, likewise. */
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

/** The latest time that a Date can hold, in milliseconds (ECMA-262, 21.4.1.1). */
export const DATE_MS_MAX = 8.64e15

/** A value of z.enum or z.literal, which is stored as a code. */
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
export interface BooleanKind extends Lenient {
  readonly type: 'boolean'
}
/** Milliseconds since 1970 UTC as a signed 64-bit integer. */
export interface DateKind {
  readonly type: 'date'
}
/** A kind that is stored as a code. */
interface Lenient {
  /** Whether a stored code without a value is read as the number itself. */
  readonly lenient: boolean
}
/** One of some values, stored as an unsigned code: `values[i]` as `codes[i]`. */
export interface EnumKind extends Lenient {
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
/** An integer that is read as a number with decimals. */
export interface DecimalKind {
  readonly type: 'decimal'
  readonly of: IntegerType
  readonly digits: number
}
/** A Date as seconds or milliseconds since 1970 UTC. */
export interface UnixKind {
  readonly type: 'unix'
  readonly of: IntegerType
  readonly unit: 's' | 'ms'
}
/** A Date as FILETIME of Windows: u64, units of 100 ns since 1601 UTC. */
export interface FiletimeKind {
  readonly type: 'filetime'
}
/** A Date as in FAT and ZIP: a u16 of time and a u16 of date, or the date alone. */
export interface DosKind extends Lenient {
  readonly type: 'dosdatetime' | 'dosdate'
}
/** A UUID of 16 bytes as text. The first three groups of a GUID are little-endian. */
export interface UuidKind {
  readonly type: 'uuid' | 'guid'
}
/** How bytes without a digit are filled: zeros in front, spaces in front ('left') or spaces behind ('right'). */
export type DigitsFill = 'zeros' | 'left' | 'right'
/** What follows the digits: nothing, a NUL byte, a space, or a NUL byte and a space. */
export type DigitsEnd = 'none' | 'nul' | 'space' | 'nul-space'
/** A whole number as text. */
export interface NumberTextKind {
  readonly type: 'numbertext'
  /** Bytes, those of `end` included. */
  readonly length: number
  readonly radix: number
  readonly fill: DigitsFill
  readonly end: DigitsEnd
}
/** Some bits of an unsigned integer that several fields share. */
export interface BitsKind {
  readonly type: 'bits'
  /** Bytes of the integer. */
  readonly unit: 1 | 2 | 4
  /** Position of the lowest bit, counted from the integer's lowest. */
  readonly shift: number
  /** How many bits. */
  readonly count: number
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

/** Values that are stored as something else. What their bytes mean: meanings-by-kind.ts. */
export type MeantKind = DecimalKind | UnixKind | FiletimeKind | DosKind | UuidKind | NumberTextKind | BitsKind

/** Objects over the same bytes. A field at the same place in each of them says which one it is. */
export interface UnionKind<Child> {
  readonly type: 'union'
  /** Name of that field, an enum. */
  readonly tag: string
  readonly variants: readonly Child[]
}

/** Kinds without fields inside. */
export type LeafKind =
  | NumberKind
  | BigIntKind
  | BooleanKind
  | DateKind
  | EnumKind
  | TextKind
  | BytesKind
  | MeantKind
export interface Presence {
  readonly nullable: boolean
  readonly optional: boolean
  /** Makes the value that replaces undefined (z.default); null if there is none. Not part of the layout. */
  readonly fallback: (() => unknown) | null
}

/** Where the null bits of a record lie: behind its fields. */
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
export interface UnionNode extends UnionKind<ObjectNode>, Placed {
  /** The tag with the values of all variants. */
  readonly tagNode: EnumNode
}
export type LeafNode = LeafKind & Placed

/** A field with its place. */
export type Node = LeafNode | ObjectNode | TupleNode | ArrayNode | UnionNode

export interface Place {
  /** Bytes from the start of the enclosing object or tuple; 0 for an array's element. */
  readonly offset: number
  /** Bytes that hold the value. */
  readonly size: number
  /** Bytes reserved, at least `size`; the rest is padding. The stride of an array's element. */
  readonly width: number
  readonly alignment: number
  readonly endian: Endian
  /** How many null bits it takes, those of the fields inside included. */
  readonly bits: number
  /** Its first null bit, counted from the first one of the enclosing node. */
  readonly bit: number
}

export type NumberNode = NumberKind & Placed
export type BooleanNode = BooleanKind & Placed
export type EnumNode = EnumKind & Placed
export type TextNode = TextKind & Placed
export type MeantNode = MeantKind & Placed

export function isNumber(node: Node): node is NumberNode {
  return node.type in NUMBERS
}

export function isOddNumber(type: NumberType): type is OddNumberType {
  return NUMBERS[type].accessor === null
}

export function isText(node: Node): node is TextNode {
  return TEXTS.includes(node.type)
}
export const TEXTS: readonly FieldType[] = ['ascii', 'latin1', 'utf8', 'utf16le', 'utf16be']

export function isWide({ type }: { readonly type: FieldType }): boolean {
  return type === 'utf16le' || type === 'utf16be'
}

/** Whether the value is a Date. */
export function isTime({ type }: Node): boolean {
  return type === 'date' || type === 'unix' || CLOCKS.includes(type)
}
const CLOCKS: readonly FieldType[] = ['filetime', 'dosdatetime', 'dosdate']

export function isMeant(node: Node): node is MeantNode {
  return MEANT.includes(node.type)
}
export const MEANT: readonly FieldType[] = [...CLOCKS, 'decimal', 'unix', 'uuid', 'guid', 'numbertext', 'bits']

/** Bytes and alignment of a field without fields inside, other than a code. */
export function leafPlace(kind: Exclude<LeafKind, BooleanKind | EnumKind>): [size: number, alignment: number] {
  switch (kind.type) {
    case 'ascii':
    case 'latin1':
    case 'utf8':
    case 'bytes':
    case 'numbertext':
      return [kind.length, 1]
    case 'utf16le':
    case 'utf16be':
      return [kind.length, 2]
    case 'uuid':
    case 'guid':
      return [16, 1]
    case 'dosdatetime':
      return [4, 2]
    case 'dosdate':
      return [2, 2]
    case 'date':
    case 'filetime':
    case 'u64':
    case 'i64':
      return [8, 8]
    case 'bits':
      return [kind.unit, kind.unit]
    case 'decimal':
    case 'unix':
      return leafPlace({ type: kind.of, nonFinite: false } as NumberKind | BigIntKind)
    default: {
      const { size } = NUMBERS[kind.type]
      // C has no integers of three and six bytes; arrays of bytes are aligned to one.
      return [size, size % 3 === 0 ? 1 : size]
    }
  }
}

export function isLenient(node: Node): boolean {
  return 'lenient' in node && node.lenient
}

/** Whether other nodes lie inside. */
export function isContainer(node: Node): node is ObjectNode | TupleNode | ArrayNode | UnionNode {
  return node.type === 'object' || node.type === 'tuple' || node.type === 'array' || node.type === 'union'
}

/** Whether the node itself has a byte order. */
export function hasByteOrder(node: Node): boolean {
  if (isContainer(node) || isText(node) || node.size === 1) return false
  return !ORDERED_BYTES.includes(node.type)
}
const ORDERED_BYTES: readonly FieldType[] = ['bytes', 'uuid', 'guid', 'numbertext']

/** The node's own null bits: one for nullable, one for optional. */
export function ownBits(node: { readonly nullable: boolean; readonly optional: boolean }): number {
  return (node.nullable ? 1 : 0) + (node.optional ? 1 : 0)
}

/** The nodes inside an object, a tuple or a union. */
export function childrenOf(node: ObjectNode | TupleNode | UnionNode): readonly Node[] {
  if (node.type === 'object') return node.members.map(member => member.node)
  return node.type === 'tuple' ? node.items : node.variants
}

/** Whether some bytes of the node belong to no value, so that a writer must zero them. */
export function hasGaps(node: Node): boolean {
  // A bit field is stored over the integer's other bits, and variants have different fields.
  if (node.width > node.size || node.type === 'bits' || node.type === 'union') return true
  if (!isContainer(node)) return false
  if (node.type === 'array') return hasGaps(node.element)
  const children = childrenOf(node)
  return children.some(hasGaps) || children.reduce((sum, child) => sum + child.width, 0) < node.size
}
