/**
 * How does a cell of text become the bytes of its field? The common kinds are encoded straight from bytes; every other cell, and every
 * cell that fast code does not take, goes through its value (text-values.ts).
 *
 *   CY1  a cell is stored exactly if its value fits the field by the rules of the schema (fit.ts), and then with the same bytes as a
 *        record that was appended.
 *   CY2  a writer that returns false has perhaps stored some bytes. The record is then refused.
 * Null words, and fields around a field that may be null: record-encoder.ts.
 */

import { isUtf8 } from 'node:buffer'
import { isText, isWide, reasonAgainst, textRoom, textStart, writeLeaf } from '../../schema/index.ts'
import type { FastCell, RecordImage } from './cell.ts'
import type { Leaf } from './leaves.ts'
import { floatCell, integerCell } from './number-cells.ts'
import type { TextFormat } from './text-format.ts'
import { NoValue, valueOfText } from './text-values.ts'
import { booleanCell, dateCell, enumCell } from './word-cells.ts'

export class CellWriter {
  readonly leaf: Leaf
  readonly #format: TextFormat
  readonly #fast: FastCell

  constructor(leaf: Leaf, format: TextFormat) {
    this.leaf = leaf
    this.#format = format
    this.#fast = fastCell(leaf, format)
  }

  /** Stores a cell. @returns why it does not fit; undefined if it does */
  write(bytes: Buffer, from: number, to: number, image: RecordImage): string | undefined {
    return this.#fast(bytes, from, to, image) ? undefined : this.#writeValue(bytes, from, to, image)
  }

  /** Stores a value that was not written as text. @returns why it does not fit */
  writeValue(value: unknown, image: RecordImage): string | undefined {
    const { node, offset } = this.leaf
    const reason = reasonAgainst(node, value)
    if (reason !== null) return reason.message
    // Fast code may have begun to store it. Bits share their bytes with other fields, and have none.
    if (node.type !== 'bits') image.bytes.fill(0, offset, offset + node.width)
    writeLeaf(node, value, { ...image, at: 0, bits: 0 }, offset)
    return undefined
  }

  #writeValue(bytes: Buffer, from: number, to: number, image: RecordImage): string | undefined {
    const { encoding } = this.#format
    if (encoding === 'utf8' && !isUtf8(bytes.subarray(from, to))) return 'its text is not UTF-8'
    const value = valueOfText(this.leaf.node, bytes.toString(encoding, from, to), this.#format)
    return value instanceof NoValue ? value.reason : this.writeValue(value, image)
  }
}

const NEVER: FastCell = () => false

function fastCell(leaf: Leaf, format: TextFormat): FastCell {
  const { node } = leaf
  if (isText(node)) return isWide(node) ? NEVER : textCell(leaf, format)
  switch (node.type) {
    case 'u8':
    case 'i8':
    case 'u16':
    case 'i16':
    case 'u24':
    case 'i24':
    case 'u32':
    case 'i32':
    case 'u48':
    case 'i48':
    case 'u64':
    case 'i64':
    case 'safeint':
      return integerCell(leaf)
    case 'f32':
    case 'f64':
      return floatCell(leaf, format.decimal === ',' ? 44 : 46)
    case 'boolean':
      return booleanCell(leaf)
    case 'enum':
      return enumCell(leaf)
    case 'date':
      return format.dates === 'iso' ? dateCell(leaf) : NEVER
    default:
      return NEVER
  }
}

/** Text of ASCII characters, and UTF-8 where the field is UTF-8 too. The rest of the field is zero already. */
function textCell({ node, offset }: Leaf, format: TextFormat): FastCell {
  if (!isText(node) || node.padding === 'length') return NEVER
  const room = textRoom(node)
  const start = textStart(node, offset)
  const end = offset + node.length
  const holdsNul = node.padding === 'space'
  const holdsSpace = node.padding === 'zero'
  const isSame = node.type === 'utf8' && format.encoding === 'utf8'
  return (bytes, from, to, image) => {
    const length = to - from
    if (length > room || (!holdsSpace && length > 0 && bytes[to - 1] === 0x20)) return false
    const target = image.bytes
    const shift = start - from
    let i = from
    for (; i < to; i++) {
      const byte = bytes[i] as number
      if (byte > 0x7f || (byte === 0 && !holdsNul)) break
      target[i + shift] = byte
    }
    if (i < to) {
      const rest = bytes.subarray(i, to)
      if (!isSame || !isUtf8(rest) || (!holdsNul && rest.includes(0))) return false
      target.set(rest, i + shift)
    }
    if (holdsNul) target.fill(0x20, start + length, end)
    return true
  }
}
