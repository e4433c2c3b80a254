/**
 * How is a text found in the bytes of a field, without making a string? The operand is encoded once as the field's texts are, and the bytes
 * are compared.
 *
 *   ET1  a text is compared by its encoded units: bytes, and for UTF-16 code units. Units that the encoding lacks are in order above all
 *        that it has, so that a text with them is greater, and equal to none.
 * Where a text ends in its field: schema/text-field.ts.
 */

import { isWide, type TextNode, textEnd, textStart } from '../schema/index.ts'

/** A text that is compared with those of a field. */
export interface EncodedText {
  /** Its units: bytes of utf8, latin1 and ascii (256 for a character that is lacking), code units of UTF-16. */
  readonly bytes: Uint16Array
  readonly length: number
  /** Its first four bytes as a little-endian word, and a mask over them and the end of a shorter text. */
  readonly word: number
  readonly mask: number
  readonly isEncodable: boolean
}

const LACKING = 256
/** Half of a surrogate pair. */
const LONE_SURROGATE = /\p{Surrogate}/u

export function encodedText(node: TextNode, text: string): EncodedText {
  const units = unitsOf(node, text)
  const hasEnd = text.includes('\0') && (node.padding === 'zero' || node.padding === 'either')
  const isEncodable = !hasEnd && (isWide(node) || (!units.includes(LACKING) && !LONE_SURROGATE.test(text)))
  let word = 0
  let mask = 0
  // The byte behind a shorter text is its end.
  for (let i = 0; i < Math.min(4, units.length + 1); i++) {
    word |= (units[i] ?? 0) << (8 * i)
    mask |= 0xff << (8 * i)
  }
  return { bytes: units, length: units.length, word, mask, isEncodable }
}

function unitsOf(node: TextNode, text: string): Uint16Array {
  if (isWide(node)) return codeUnits(text)
  if (node.type === 'utf8') return Uint16Array.from(utf8Bytes(text))
  const max = node.type === 'ascii' ? 0x7f : 0xff
  return Uint16Array.from(codeUnits(text), unit => (unit > max ? LACKING : unit))
}

/** UTF-8, with half of a surrogate pair as a character of its own, so that it is in order by its code point. */
function utf8Bytes(text: string): Uint8Array {
  if (!LONE_SURROGATE.test(text)) return Buffer.from(text, 'utf8')
  const parts = Array.from(text, character => {
    if (!LONE_SURROGATE.test(character)) return Buffer.from(character, 'utf8')
    const code = character.charCodeAt(0)
    return Uint8Array.of(0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
  })
  return Buffer.concat(parts)
}

function codeUnits(text: string): Uint16Array {
  const units = new Uint16Array(text.length)
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i)
  return units
}

/** A test of a field's bytes. */
export type TextTest = (bytes: Buffer, at: number, text: EncodedText) => boolean

/** The tests of texts of one field, over its bytes from `at` on. */
export interface TextTests {
  readonly eq: TextTest
  readonly startsWith: TextTest
  readonly endsWith: TextTest
  readonly contains: TextTest
  /** Below 0, 0 or above 0, as the field's text compares with the operand. */
  compare(bytes: Buffer, at: number, text: EncodedText): number
}

/** Whether four bytes of the field decide most comparisons: the text begins at its first byte and ends with NUL. */
export function hasFirstWord(node: TextNode): boolean {
  return node.padding === 'zero' && !isWide(node) && node.length >= 4
}

export function textTests(node: TextNode): TextTests {
  const step = isWide(node) ? 2 : 1
  const low = node.type === 'utf16be' ? 1 : 0
  const unit: (bytes: Buffer, at: number) => number =
    step === 1
      ? (bytes, at) => bytes[at] as number
      : (bytes, at) => (bytes[at + low] as number) | ((bytes[at + 1 - low] as number) << 8)
  const isAt = (bytes: Buffer, at: number, { bytes: units, length }: EncodedText): boolean => {
    for (let i = 0; i < length; i++) if (unit(bytes, at + i * step) !== units[i]) return false
    return true
  }
  const isZeroPadded = node.padding === 'zero' && step === 1
  const { length: room } = node
  return {
    eq(bytes, at, text) {
      const { length } = text
      if (!text.isEncodable) return false
      // A text has no NUL inside, so that its end need not be searched.
      if (isZeroPadded) {
        return length <= room && isAt(bytes, at, text) && (length === room || bytes[at + length] === 0)
      }
      const start = textStart(node, at)
      return textEnd(node, bytes, at) - start === length * step && isAt(bytes, start, text)
    },
    startsWith(bytes, at, text) {
      const start = textStart(node, at)
      const isThere = text.isEncodable && textEnd(node, bytes, at) - start >= text.length * step
      return isThere && isAt(bytes, start, text)
    },
    endsWith(bytes, at, text) {
      const end = textEnd(node, bytes, at)
      const from = end - text.length * step
      return text.isEncodable && from >= textStart(node, at) && isAt(bytes, from, text)
    },
    contains(bytes, at, text) {
      if (!text.isEncodable) return false
      if (isZeroPadded) return containsUntilNul(bytes, at, at + room, text)
      const last = textEnd(node, bytes, at) - text.length * step
      const first = text.bytes[0]
      for (let i = textStart(node, at); i <= last; i += step) {
        if ((first === undefined || unit(bytes, i) === first) && isAt(bytes, i, text)) return true
      }
      return false
    },
    compare(bytes, at, { bytes: units, length }) {
      const start = textStart(node, at)
      const count = (textEnd(node, bytes, at) - start) / step
      const least = Math.min(count, length)
      for (let i = 0; i < least; i++) {
        const order = unit(bytes, start + i * step) - (units[i] as number)
        if (order !== 0) return order
      }
      return count - length
    },
  }
}

/** Looks for a text without NUL in one pass: the end is where it meets NUL. */
function containsUntilNul(
  bytes: Buffer,
  at: number,
  end: number,
  { bytes: units, length }: EncodedText,
): boolean {
  if (length === 0) return true
  const first = units[0]
  const last = end - length
  for (let i = at; i <= last; i++) {
    const byte = bytes[i]
    if (byte === 0) return false
    if (byte !== first) continue
    let same = 1
    while (same < length && bytes[i + same] === units[same]) same++
    if (same === length) return true
  }
  return false
}
