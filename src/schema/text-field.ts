/**
 * Where does a text lie in its field, and how is it stored? The reference for every encoding and padding.
 *
 * Faster code for the common encodings: text-read.ts, text-write.ts. Which text fits: fit.ts.
 */

import { isWide, type TextNode } from './kinds.ts'

const SPACE = 0x20

/** How many bytes of a field the text may take. */
export function textRoom({ length, padding }: TextNode): number {
  return padding === 'length' ? length - 1 : length
}

/** Offset of the text: behind the byte with its length, if there is one. */
export function textStart({ padding }: TextNode, offset: number): number {
  return padding === 'length' ? offset + 1 : offset
}

/** Offset behind the text; -1 if its length goes beyond the field. */
export function textEnd(node: TextNode, bytes: Uint8Array, offset: number): number {
  const { length, padding } = node
  const limit = offset + length
  if (padding === 'length') {
    const end = offset + 1 + (bytes[offset] as number)
    return end <= limit ? end : -1
  }
  const step = isWide(node) ? 2 : 1
  const low = node.type === 'utf16be' ? 1 : 0
  const isUnit = (at: number, code: number): boolean =>
    bytes[at + low] === code && (step === 1 || bytes[at + 1 - low] === 0)
  let end = limit
  if (padding !== 'space') {
    end = offset
    while (end < limit && !isUnit(end, 0)) end += step
  }
  if (padding !== 'zero') while (end > offset && isUnit(end - step, SPACE)) end -= step
  return end
}

/** The text; undefined if its length goes beyond the field. */
export function readText(node: TextNode, bytes: Buffer, offset: number): string | undefined {
  const end = textEnd(node, bytes, offset)
  if (end < 0) return undefined
  const from = textStart(node, offset)
  if (node.type === 'utf8') return bytes.toString('utf8', from, end)
  if (!isWide(node)) return bytes.toString('latin1', from, end)
  const units = bytes.subarray(from, end)
  return (node.type === 'utf16be' ? Buffer.from(units).swap16() : units).toString('utf16le')
}

/** Stores a text that fits, and fills the rest of the field. */
export function writeText(node: TextNode, text: string, bytes: Buffer, offset: number): void {
  const { type, length, padding } = node
  const written = Buffer.from(text, isWide(node) ? 'utf16le' : type === 'utf8' ? 'utf8' : 'latin1')
  bytes.fill(padding === 'space' ? SPACES[type] : 0, offset, offset + length)
  if (padding === 'length') bytes[offset] = written.length
  bytes.set(type === 'utf16be' ? written.swap16() : written, textStart(node, offset))
}

const WORD = Buffer.of(SPACE, 0)
const SPACES: Readonly<Record<TextNode['type'], Buffer | number>> = {
  ascii: SPACE,
  latin1: SPACE,
  utf8: SPACE,
  utf16le: WORD,
  utf16be: Buffer.of(0, SPACE),
}
