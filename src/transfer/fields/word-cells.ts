/**
 * How do words and dates become codes and times, without a string? Booleans, enums and ISO dates.
 */

import { DATE_MS_MAX, type EnumNode } from '../../schema/index.ts'
import type { FastCell } from './cell.ts'
import type { Leaf } from './leaves.ts'
import { timeOfIsoBytes } from './written-times.ts'

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
/** More values are looked up by their text. */
const COMPARED_MAX = 24

function codeSetter({ node, offset }: Leaf): (view: DataView, code: number) => void {
  const little = node.endian === 'little'
  if (node.size === 1) return (view, code) => view.setUint8(offset, code)
  if (node.size === 2) return (view, code) => view.setUint16(offset, code, little)
  return (view, code) => view.setUint32(offset, code, little)
}

/** 1, 0, true and false. */
export function booleanCell(leaf: Leaf): FastCell {
  const set = codeSetter(leaf)
  return (bytes, from, to, image) => {
    const length = to - from
    const first = bytes[from] as number
    const code =
      length === 1 && (first === 48 || first === 49)
        ? first - 48
        : length === 4 && isWord(TRUE, bytes, from)
          ? 1
          : length === 5 && isWord(FALSE, bytes, from)
            ? 0
            : -1
    if (code < 0) return false
    set(image.view, code)
    return true
  }
}

/** The values of an enum, as text. */
export function enumCell(leaf: Leaf): FastCell {
  const { values, codes } = leaf.node as EnumNode
  const set = codeSetter(leaf)
  const texts = values.map(String)
  // The first of two values with one text counts, as in text-values.ts.
  const words = texts.map(text => Buffer.from(text)).slice(0, COMPARED_MAX)
  const isAscii = texts.every(text => /^[\0-\x7f]*$/.test(text))
  const byText = new Map(texts.map((text, i) => [text, codes[i] as number] as const).reverse())
  return (bytes, from, to, image) => {
    const length = to - from
    if (texts.length <= COMPARED_MAX && isAscii) {
      for (let i = 0; i < words.length; i++) {
        const word = words[i] as Buffer
        if (word.length !== length || !isWord(word, bytes, from)) continue
        set(image.view, codes[i] as number)
        return true
      }
      return false
    }
    const code = isAscii ? byText.get(bytes.toString('latin1', from, to)) : undefined
    if (code === undefined) return false
    set(image.view, code)
    return true
  }
}

/** An ISO date, as milliseconds in 64 bits. */
export function dateCell({ node, offset }: Leaf): FastCell {
  const little = node.endian === 'little'
  const high = little ? 4 : 0
  return (bytes, from, to, image) => {
    const ms = timeOfIsoBytes(bytes, from, to)
    if (!(Math.abs(ms) <= DATE_MS_MAX)) return false
    image.view.setInt32(offset + high, Math.floor(ms / 2 ** 32), little)
    image.view.setUint32(offset + 4 - high, ms, little)
    return true
  }
}

function isWord(word: Buffer, bytes: Buffer, from: number): boolean {
  for (let i = 0; i < word.length; i++) if (word[i] !== bytes[from + i]) return false
  return true
}
