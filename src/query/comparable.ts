/**
 * How do the values of a field become comparable, and in which order are they?
 *
 *   VC1  a comparable value is a number (times: milliseconds; enums and booleans: codes), a bigint, a string or bytes; null if the field is
 *        null or absent.
 *   VC2  the order is that of ordered indexes: null first, -0 is 0, NaN last, texts by code points, those of UTF-16 by code units.
 */

import { dateMs } from '../runtime/realms.ts'
import { type Codec, type EnumValue, isWide, type Node, type TextNode } from '../schema/index.ts'
import type { QueriedField } from './queried-field.ts'

export type ComparableValue = number | bigint | string | Uint8Array | null

/** Reads a comparable value from the record at `at`. */
export type ReadComparable = (view: DataView, bytes: Buffer, at: number) => ComparableValue

/** Reads a field through the codec: the reference of the compiled readings. @throws ERR_STRIDE_CORRUPT */
export function comparableReader(codec: Codec, field: QueriedField): ReadComparable {
  const read = valueReader(codec, field)
  const toComparable = comparableFrom(field.node)
  return (view, bytes, at) => toComparable(read(view, bytes, at))
}

/** Reads a field as `get` gives it. */
export function valueReader(codec: Codec, { base, inner }: QueriedField) {
  return (view: DataView, bytes: Buffer, at: number): unknown => {
    let value = codec.readField(view, bytes, at, base)
    for (const step of inner) {
      if (value === null || value === undefined) return value
      value = (value as Readonly<Record<number | string, unknown>>)[step]
    }
    return value
  }
}

/** The comparable value of a value as `get` gives it. */
export function comparableFrom(node: Node): (value: unknown) => ComparableValue {
  if (node.type === 'enum') {
    const codes = codesOf(node)
    // A literal null is a null, too.
    return value => (value === null || value === undefined ? null : codeOf(codes, value))
  }
  return value => {
    if (value === null || value === undefined) return null
    if (typeof value === 'boolean') return value ? 1 : 0
    if (typeof value === 'object' && !ArrayBuffer.isView(value)) return dateMs(value)
    return value as ComparableValue
  }
}

/** The codes of an enum's values. */
export function codesOf(node: Extract<Node, { type: 'enum' }>): ReadonlyMap<EnumValue, number> {
  return new Map(node.values.map((value, i) => [value, node.codes[i] as number]))
}

/** A lenient enum gives an unknown code as the number itself. */
function codeOf(codes: ReadonlyMap<EnumValue, number>, value: unknown): number {
  return codes.get(value as EnumValue) ?? (value as number)
}

/** The value of a comparable one, as `get` gives it. */
export function valueFrom(node: Node): (value: ComparableValue) => unknown {
  switch (node.type) {
    case 'enum': {
      const values = new Map(node.codes.map((code, i) => [code, node.values[i]]))
      return code => (code === null ? null : values.has(code as number) ? values.get(code as number) : code)
    }
    case 'boolean':
      return code => (code === 1 ? true : code === 0 ? false : code)
    case 'date':
    case 'unix':
    case 'filetime':
    case 'dosdatetime':
    case 'dosdate':
      return ms => (ms === null ? null : new Date(ms as number))
    default:
      return value => value
  }
}

export type CompareValues = (a: ComparableValue, b: ComparableValue) => number

/** Compares two comparable values of a field: below 0, 0, above 0. */
export function comparing(node: Node): CompareValues {
  const compare = comparingPresent(node)
  return (a, b) => (a === null || b === null ? Number(a !== null) - Number(b !== null) : compare(a, b))
}

function comparingPresent(node: Node): CompareValues {
  if (node.type === 'bytes') return (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array)
  if (isCodePointText(node)) return (a, b) => compareCodePoints(a as string, b as string)
  return compareNatural
}

function isCodePointText(node: Node): boolean {
  return (node.type === 'utf8' || node.type === 'ascii' || node.type === 'latin1') && !isWide(node as TextNode)
}

/** Numbers, bigints and strings as `<` compares them; NaN is the last number. */
function compareNatural(a: ComparableValue, b: ComparableValue): number {
  const x = a as number
  const y = b as number
  if (x < y) return -1
  if (x > y) return 1
  if (x === y) return 0
  // One of them is NaN.
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
}

/** Strings in the order of their code points, which is that of their UTF-8. Half of a pair is a code point of its own. */
export function compareCodePoints(a: string, b: string): number {
  const { length } = a
  const least = Math.min(length, b.length)
  for (let i = 0; i < least; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue
    // The first half of a pair may be the same.
    const start = i > 0 && isFirstHalf(a.charCodeAt(i - 1)) ? i - 1 : i
    const order = (a.codePointAt(start) as number) - (b.codePointAt(start) as number)
    return order === 0 ? (a.codePointAt(i) as number) - (b.codePointAt(i) as number) : order
  }
  return length - b.length
}

function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
