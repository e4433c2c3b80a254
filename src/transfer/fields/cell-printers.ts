/**
 * How is a field written as text, straight from its bytes? Whole numbers, decimals and text are; every other kind goes through its value.
 *
 *   CZ1  reading the text gives the value back (text-values.ts): a float is written with the fewest digits that mean it, as by JavaScript.
 *   CZ2  a cell takes at most `bytesMax` bytes, so that room is asked for once a record.
 */

import {
  type Image,
  isText,
  isTime,
  isWide,
  type LeafNode,
  ownBits,
  readNode,
  storedInteger,
  textEnd,
  textStart,
} from '../../schema/index.ts'
import type { Leaf } from './leaves.ts'
import type { BytesFormat } from './text-format.ts'

export interface PrintFormat {
  readonly delimiter: number
  readonly quote: number
  readonly decimal: '.' | ','
  readonly bytes: BytesFormat
}

/** Writes a cell at a position. @returns the position behind it */
export type CellPrinter = (image: Image, out: Buffer, to: number) => number

const COMMA = 44
const MINUS = 45
const POINT = 46
/** Decimals that are tried before a float is written by JavaScript, with a power that is exact. */
const DECIMALS_MAX = 4
const SHORT_MAX = 1e14

/** The most bytes that a cell of this field takes. */
export function bytesMaxOf({ node }: Leaf): number {
  const words = node.type === 'enum' ? Math.max(...node.values.map(value => String(value).length)) : 0
  return 64 + 6 * (node.size + words)
}

export function cellPrinter(leaf: Leaf, format: PrintFormat): CellPrinter {
  const { node, bit, guards } = leaf
  const print = presentPrinter(leaf, format)
  const bits = [...guards.map(guard => [guard.node, guard.bit] as const), [node, bit] as const].flatMap(
    ([each, first]) => Array.from({ length: ownBits(each) }, (_, i) => first + i),
  )
  if (bits.length === 0) return print
  return (image, out, to) => {
    for (const each of bits) {
      if (((image.bytes[image.bits + (each >> 3)] as number) >> (each & 7)) & 1) return to
    }
    return print(image, out, to)
  }
}

function presentPrinter(leaf: Leaf, format: PrintFormat): CellPrinter {
  const { node, offset, bit, path } = leaf
  if (isText(node) && !isWide(node) && node.type !== 'latin1') return textPrinter(leaf, format)
  const little = node.endian === 'little'
  switch (node.type) {
    case 'u8':
      return (image, out, to) => printWhole(image.view.getUint8(image.at + offset), out, to)
    case 'u16':
      return (image, out, to) => printWhole(image.view.getUint16(image.at + offset, little), out, to)
    case 'u32':
      return (image, out, to) => printWhole(image.view.getUint32(image.at + offset, little), out, to)
    case 'i32':
      return (image, out, to) => printWhole(image.view.getInt32(image.at + offset, little), out, to)
    case 'i8':
    case 'i16':
    case 'u24':
    case 'i24':
    case 'u48':
    case 'i48': {
      const { get } = storedInteger(node.type, little)
      return (image, out, to) => printWhole(get(image.view, image.at + offset), out, to)
    }
    case 'f64':
    case 'safeint':
      return floatPrinter(offset, little, format)
    default: {
      const present = { ...node, nullable: false, optional: false } as LeafNode
      return (image, out, to) => {
        const value = readNode(present, image, image.at + offset, bit, path)
        return printText(textOf(node, value, format), out, to, format)
      }
    }
  }
}

function textOf(node: LeafNode, value: unknown, { decimal, bytes }: PrintFormat): string {
  if (isTime(node) && value instanceof Date) return value.toISOString()
  if (node.type === 'bytes') return Buffer.from(value as Uint8Array).toString(bytes)
  if (typeof value !== 'number') return String(value)
  const text = Object.is(value, -0) ? '-0' : String(value)
  return decimal === ',' ? text.replace('.', ',') : text
}

function printWhole(value: number, out: Buffer, to: number): number {
  let rest = value
  let at = to
  if (rest < 0) {
    out[at++] = MINUS
    rest = -rest
  }
  let digits = 1
  for (let limit = 10; rest >= limit; limit *= 10) digits++
  const end = at + digits
  let i = end
  // Above 2^31 the division is one of doubles.
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10)
    out[--i] = 48 + (rest - next * 10)
    rest = next
  }
  do {
    const next = (rest / 10) | 0
    out[--i] = 48 + (rest - next * 10)
    rest = next
  } while (i > at)
  return end
}

/** A decimal of few digits is written from its whole number; every other float by JavaScript. */
function floatPrinter(offset: number, little: boolean, format: PrintFormat): CellPrinter {
  const mark = format.decimal === ',' ? COMMA : POINT
  const isPlain = mark !== format.delimiter
  return (image, out, to) => {
    const value = image.view.getFloat64(image.at + offset, little)
    const size = Math.abs(value)
    if (size < SHORT_MAX && isPlain && !Object.is(value, -0)) {
      let scale = 1
      for (let decimals = 0; decimals <= DECIMALS_MAX; decimals++, scale *= 10) {
        const whole = Math.round(size * scale)
        if (whole >= 1e15 || whole / scale !== size) continue
        let at = to
        if (value < 0) out[at++] = MINUS
        const front = Math.floor(whole / scale)
        at = printWhole(front, out, at)
        if (decimals === 0) return at
        out[at++] = mark
        let rest = whole - front * scale
        for (let i = at + decimals - 1; i >= at; i--) {
          out[i] = 48 + (rest % 10)
          rest = Math.floor(rest / 10)
        }
        return at + decimals
      }
    }
    const text = Object.is(value, -0) ? '-0' : String(value)
    return printText(format.decimal === ',' ? text.replace('.', ',') : text, out, to, format)
  }
}

function textPrinter({ node, offset }: Leaf, { delimiter, quote }: PrintFormat): CellPrinter {
  if (!isText(node)) throw new TypeError('no text')
  const start = textStart(node, offset)
  return (image, out, to) => {
    const { bytes, at } = image
    const from = at + start
    const end = textEnd(node, bytes, at + offset)
    return printBytes(bytes, from, Math.max(from, end), out, to, delimiter, quote)
  }
}

/** Copies text, with quotes around it where it needs them: an empty text is no null. */
function printBytes(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Buffer,
  to: number,
  delimiter: number,
  quote: number,
): number {
  // A cell that begins like a byte order mark is quoted, too.
  let needsQuotes = from === end || bytes[from] === 0xef
  let at = to
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === delimiter || byte === quote || byte === 10 || byte === 13) {
      needsQuotes = true
      break
    }
    out[at++] = byte
  }
  if (!needsQuotes) return at
  at = to
  out[at++] = quote
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === quote) out[at++] = quote
    out[at++] = byte
  }
  out[at++] = quote
  return at
}

/** Writes a text as a cell. */
export function printText(text: string, out: Buffer, to: number, { delimiter, quote }: PrintFormat): number {
  const bytes = Buffer.from(text)
  return printBytes(bytes, 0, bytes.length, out, to, delimiter, quote)
}
