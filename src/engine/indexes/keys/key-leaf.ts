/**
 * How is one value encoded as bytes that sort as the value does?
 *
 *   KL1  comparing bytes compares values: integers and dates by size, floats by size with -0 as 0 and NaN behind all others,
 *       false before true, enums by their code, text and bytes by their bytes, a shorter text before a longer one.
 *   KL2  bytes are equal if values are equal by `===`, and NaN is equal to itself.
 *   KL3  a looked-up value that the field cannot hold exactly is rounded down, and reported as lying above.
 *   KL4  f32: a looked-up value is rounded as it is when stored. A lookup with the unrounded value thus finds its record, and a range
 *       between unrounded values finds the records whose unrounded values are in it.
 * The key of a text padded with spaces is padded with zeros and followed by its length, since the text may end in NUL.
 */

import { shown } from '../../../options/shown-value.ts'
import { byteCount, dateMs } from '../../../runtime/realms.ts'
import {
  BIGINTS,
  isMeant,
  isRawCode,
  isText,
  isTime,
  isWide,
  type LeafNode,
  type MeantNode,
  meaningOf,
  NUMBERS,
  ODD_NUMBERS,
  type TextNode,
  textEnd,
  textStart,
  toHalf,
} from '../../../schema/index.ts'
import { copy, FLOATS, orderedF16, orderedF32, setCode, setDouble, setInteger, writeF64 } from './key-bytes.ts'

/**
 * How a looked-up value relates to the bytes that fromValue wrote: it is equal ('exact'), above or beneath them, or below all values of
 * the field, so that nothing was written ('below').
 */
export type Fit = 'exact' | 'above' | 'beneath' | 'below'

/** Bytes of a key that a leaf takes. */
export function keySizeOf(node: LeafNode): number {
  if (isText(node)) return node.length + countSizeOf(node)
  if (isMeant(node)) return meaningOf(node).array === 'Array' ? node.size : 8
  return node.size
}

/** Bytes of the length behind a text. */
function countSizeOf({ padding, length }: TextNode): 0 | 1 | 2 | 4 {
  if (padding === 'zero' || padding === 'either') return 0
  if (length <= 0xff) return 1
  return length <= 0xffff ? 2 : 4
}

/** Writes the key bytes of a leaf in a record to `key` at `to`. */
export function fromRecord(node: LeafNode, view: DataView, at: number, key: DataView, to: number): void {
  const little = node.endian === 'little'
  switch (node.type) {
    case 'u8':
      key.setUint8(to, view.getUint8(at))
      break
    case 'i8':
      key.setUint8(to, view.getUint8(at) ^ 0x80)
      break
    case 'u16':
      key.setUint16(to, view.getUint16(at, little))
      break
    case 'i16':
      key.setUint16(to, view.getUint16(at, little) ^ 0x8000)
      break
    case 'u32':
      key.setUint32(to, view.getUint32(at, little))
      break
    case 'i32':
      key.setUint32(to, view.getUint32(at, little) ^ 0x80000000)
      break
    case 'u24':
    case 'i24':
    case 'u48':
    case 'i48':
      setInteger(key, to, node.size, ODD_NUMBERS[node.type].get(view, at, little) - NUMBERS[node.type].min)
      break
    case 'f16':
      key.setUint16(to, orderedF16(view.getUint16(at, little)))
      break
    case 'f32':
      key.setUint32(to, orderedF32(view.getUint32(at, little)))
      break
    case 'f64':
    case 'safeint': {
      const high = view.getUint32(little ? at + 4 : at, little)
      writeF64(high, view.getUint32(little ? at : at + 4, little), key, to)
      break
    }
    case 'u64':
    case 'i64':
    case 'date': {
      const flip = node.type === 'u64' ? 0 : 0x80000000
      key.setUint32(to, view.getUint32(little ? at + 4 : at, little) ^ flip)
      key.setUint32(to + 4, view.getUint32(little ? at : at + 4, little))
      break
    }
    case 'boolean':
    case 'enum':
      setCode(key, to, node.size, codeIn(node, view, at))
      break
    case 'bytes':
      copy(view, at, key, to, node.length)
      break
    default:
      if (isMeant(node)) {
        meantFromRecord(node, view, at, key, to)
        return
      }
      if (isWide(node) || node.padding === 'either' || node.padding === 'length') {
        textFromRecord(node, view, at, key, to)
        return
      }
      copy(view, at, key, to, node.length)
      if (node.padding === 'space') {
        let count = node.length
        for (; count > 0 && key.getUint8(to + count - 1) === 0x20; count--) key.setUint8(to + count - 1, 0)
        setCode(key, to + node.length, countSizeOf(node), count)
      }
  }
}

/** Writes the number that a meaning reads, or a time's milliseconds; NaN if damaged. A UUID's bytes are in the order of its text. */
function meantFromRecord(
  node: LeafNode & MeantNode,
  view: DataView,
  at: number,
  key: DataView,
  to: number,
): void {
  const bytes = Buffer.from(view.buffer, view.byteOffset + at, node.size)
  const inside = new DataView(view.buffer, view.byteOffset + at, node.size)
  const value = meaningOf(node).read(inside, bytes, 0)
  if (typeof value === 'string') setUuid(key, to, value)
  else setDouble(key, to, value ?? Number.NaN)
}

/** Writes the text's bytes, with big-endian code units, and pads them with zeros. */
function textFromRecord(node: TextNode, view: DataView, at: number, key: DataView, to: number): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, node.length)
  const start = textStart(node, 0)
  const count = Math.max(0, textEnd(node, bytes, 0) - start)
  const swap = node.type === 'utf16le' ? 1 : 0
  for (let i = 0; i < node.length; i++)
    key.setUint8(to + i, i < count ? (bytes[start + (i ^ swap)] as number) : 0)
  setCode(key, to + node.length, countSizeOf(node), count)
}

function setUuid(key: DataView, to: number, text: string): void {
  const digits = text.replaceAll('-', '')
  for (let i = 0; i < 16; i++) key.setUint8(to + i, Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16))
}

/** The code of a boolean or an enum in a record. */
export function codeIn({ size, endian }: LeafNode, view: DataView, at: number): number {
  if (size === 1) return view.getUint8(at)
  return size === 2 ? view.getUint16(at, endian === 'little') : view.getUint32(at, endian === 'little')
}

/** Writes the key bytes of a looked-up value that given-key.ts has read. @throws WrongKind */
export function fromValue(node: LeafNode, value: unknown, bytes: Buffer, key: DataView, to: number): Fit {
  switch (node.type) {
    case 'u64':
    case 'i64':
      return bigintKey(node.type, value, key, to)
    case 'boolean':
      if (typeof value !== 'boolean' && !isRawCode(node, value)) throw new WrongKind('true or false', value)
      setCode(key, to, node.size, Number(value))
      return 'exact'
    case 'date':
      return dateKey(value, key, to)
    case 'enum': {
      const i = node.values.indexOf(value as string)
      if (i < 0 && isRawCode(node, value)) setCode(key, to, node.size, value)
      else if (i < 0) throw new WrongKind(`one of ${node.values.map(String).join(', ')}`, value)
      else setCode(key, to, node.size, node.codes[i] as number)
      return 'exact'
    }
    case 'ascii':
      return narrowTextKey(node, 0x7f, value, bytes, key, to)
    case 'latin1':
      return narrowTextKey(node, 0xff, value, bytes, key, to)
    case 'utf8':
      return utf8Key(node, value, bytes, key, to)
    case 'utf16le':
    case 'utf16be':
      return utf16Key(node, value, key, to)
    case 'bytes': {
      // A copy that given-key.ts made, so no overridden method of a subclass runs.
      const given = value as Uint8Array
      bytes.fill(0, to, to + node.length)
      bytes.set(given.subarray(0, node.length), to)
      if (given.length === node.length) return 'exact'
      return given.length > node.length ? 'above' : 'beneath'
    }
    default:
      if (isMeant(node)) return meantKey(node, value, key, to)
      if (typeof value !== 'number') throw new WrongKind('a number', value)
      return numberKey(node.type, value, key, to)
  }
}

/** Writes numbers and times as doubles, which also order values that no field can hold. */
function meantKey(node: LeafNode & MeantNode, value: unknown, key: DataView, to: number): Fit {
  const { array, expected, reasonAgainst } = meaningOf(node)
  if (array === 'Array') {
    if (reasonAgainst(value) !== null) throw new WrongKind(expected, value)
    setUuid(key, to, value as string)
  } else if (isTime(node)) {
    setDouble(key, to, timeOf(value))
  } else {
    if (typeof value !== 'number') throw new WrongKind('a number', value)
    setDouble(key, to, value)
  }
  return 'exact'
}

function numberKey(type: keyof typeof NUMBERS, value: number, key: DataView, to: number): Fit {
  if (type === 'f64' || type === 'safeint') {
    setDouble(key, to, value)
    return 'exact'
  }
  if (type === 'f32') return f32Key(value, key, to)
  if (type === 'f16') return f16Key(value, key, to)
  const { size, min, max } = NUMBERS[type]
  if (value < min) return 'below'
  // NaN is above all numbers.
  const floor = value <= max ? Math.floor(value) : max
  setInteger(key, to, size, floor - min)
  return floor === value ? 'exact' : 'above'
}

function f32Key(value: number, key: DataView, to: number): Fit {
  const { min, max } = NUMBERS.f32
  const isBeyond = Number.isFinite(value) && (value < min || value > max)
  // A field refuses values beyond the largest float instead of rounding them to it.
  const near = isBeyond ? (value > 0 ? max : Number.NEGATIVE_INFINITY) : Math.fround(value)
  FLOATS.setFloat32(0, near)
  key.setUint32(to, orderedF32(FLOATS.getUint32(0)))
  return isBeyond ? 'above' : 'exact'
}

function f16Key(value: number, key: DataView, to: number): Fit {
  const { min, max } = NUMBERS.f16
  const isBeyond = Number.isFinite(value) && (value < min || value > max)
  const near = isBeyond ? (value > 0 ? max : Number.NEGATIVE_INFINITY) : value
  key.setUint16(to, orderedF16(toHalf(near)))
  return isBeyond ? 'above' : 'exact'
}

function bigintKey(type: keyof typeof BIGINTS, value: unknown, key: DataView, to: number): Fit {
  if (typeof value !== 'bigint') throw new WrongKind('a bigint', value)
  const { min, max } = BIGINTS[type]
  if (value < min) return 'below'
  key.setBigUint64(to, (value > max ? max : value) - min)
  return value > max ? 'above' : 'exact'
}

function dateKey(value: unknown, key: DataView, to: number): Fit {
  const ms = timeOf(value)
  key.setUint32(to, Math.floor(ms / 2 ** 32) ^ 0x80000000)
  key.setUint32(to + 4, ms)
  return 'exact'
}

function narrowTextKey(
  node: TextNode,
  codeMax: number,
  value: unknown,
  bytes: Buffer,
  key: DataView,
  to: number,
): Fit {
  if (typeof value !== 'string') throw new WrongKind('a string', value)
  const { length } = node
  const countSize = countSizeOf(node)
  const n = Math.min(value.length, length)
  let hasNul = false
  for (let i = 0; i < n; i++) {
    const code = value.charCodeAt(i)
    if (code > codeMax) {
      // Sorts behind every text with the same beginning.
      bytes.fill(0xff, to + i, to + length + countSize)
      return 'above'
    }
    if (code === 0) hasNul = true
    bytes[to + i] = code
  }
  bytes.fill(0, to + n, to + length)
  if (countSize !== 0) setCode(key, to + length, countSize, n)
  return value.length > length || (hasNul && countSize === 0) ? 'above' : 'exact'
}

const LONE_SURROGATE = /\p{Surrogate}/u

function utf8Key(node: TextNode, value: unknown, bytes: Buffer, key: DataView, to: number): Fit {
  if (typeof value !== 'string') throw new WrongKind('a string', value)
  const { length } = node
  const countSize = countSizeOf(node)
  const isWhole = !LONE_SURROGATE.test(value)
  const wide = isWhole ? Buffer.from(value) : surrogateBytes(value)
  bytes.fill(0, to, to + length)
  wide.copy(bytes, to, 0, length)
  if (countSize !== 0) setCode(key, to + length, countSize, Math.min(wide.length, length))
  const hasPad = countSize === 0 && value.includes('\0')
  return wide.length <= length && !hasPad && isWhole ? 'exact' : 'above'
}

/** Writes big-endian code units, which sort as JavaScript compares strings. */
function utf16Key(node: TextNode, value: unknown, key: DataView, to: number): Fit {
  if (typeof value !== 'string') throw new WrongKind('a string', value)
  const { length } = node
  const countSize = countSizeOf(node)
  for (let i = 0; i < length / 2; i++) key.setUint16(to + 2 * i, i < value.length ? value.charCodeAt(i) : 0)
  setCode(key, to + length, countSize, Math.min(2 * value.length, length))
  const hasPad = countSize === 0 && value.includes('\0')
  return 2 * value.length <= length && !hasPad && !LONE_SURROGATE.test(value) ? 'exact' : 'above'
}

/** UTF-8 extended to lone surrogates, which no record contains, so that they sort by their code points. */
function surrogateBytes(text: string): Buffer {
  const parts: Uint8Array[] = []
  for (const character of text) {
    const code = character.codePointAt(0) as number
    const isHalf = code >= 0xd800 && code <= 0xdfff
    parts.push(
      isHalf ? Uint8Array.of(0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)) : Buffer.from(character),
    )
  }
  return Buffer.concat(parts)
}

/** Whether a field of this kind can hold NaN. */
export function holdsNaN(node: LeafNode): boolean {
  return (node.type === 'f16' || node.type === 'f32' || node.type === 'f64') && node.nonFinite
}

/** @throws WrongKind */
function timeOf(value: unknown): number {
  const ms = dateMs(value)
  if (Number.isNaN(ms)) throw new WrongKind('a valid Date', value)
  return ms
}

/** A copy of a date. @throws WrongKind */
export function dateOf(value: unknown): Date {
  return new Date(timeOf(value))
}

/** A copy of at most `length` + 1 bytes, enough to see that there are too many. @throws WrongKind */
export function bytesOf(value: unknown, length: number): Uint8Array {
  const count = byteCount(value)
  if (count < 0) throw new WrongKind(`a Uint8Array of ${length} bytes`, value)
  const copy = new Uint8Array(Math.min(count, length + 1))
  for (let i = 0; i < copy.length; i++) copy[i] = (value as Uint8Array)[i] as number
  return copy
}

/** The error for a value of a kind that the field never has. */
export class WrongKind extends TypeError {
  constructor(expected: string, value: unknown) {
    super(`a key takes ${expected}: ${shown(value)}`)
  }
}

/** Adds the field's path to a WrongKind error. Other errors are returned unchanged. */
export function named(error: unknown, path: string): unknown {
  return error instanceof WrongKind ? new TypeError(`The field '${path}' of ${error.message}`) : error
}
