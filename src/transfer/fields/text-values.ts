/**
 * Which value of a field does a text mean? The reference: one obvious conversion for each kind. Faster code for the common kinds, with
 * the same results: cell-writers.ts.
 *
 *   TV1  a text that means no value is refused: '12abc', '0x10' and '' are no numbers.
 *   TV2  an integer may be written with a fraction of zeros, as 5.0.
 */

import {
  DATE_MS_MAX,
  type EnumNode,
  isLenient,
  isNumber,
  isText,
  isTime,
  type LeafNode,
} from '../../schema/index.ts'
import type { TextFormat } from './text-format.ts'
import { timeOfText } from './written-times.ts'

/** A text that means no value of the field, with the reason. */
export class NoValue {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const INTEGER = /^[+-]?\d+(?:\.0*)?$/
const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  yes: true,
  y: true,
  1: true,
  false: false,
  f: false,
  no: false,
  n: false,
  0: false,
}
const NON_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
}

const SHOWN_MAX = 40

export function valueOfText(node: LeafNode, text: string, format: TextFormat): unknown {
  if (isText(node) || node.type === 'uuid' || node.type === 'guid') return text
  if (node.type === 'boolean') return WORDS[text.toLowerCase()] ?? codeOrNot(node, text, 'true or false')
  if (node.type === 'enum') return enumValue(node, text)
  if (node.type === 'bytes') return bytesValue(text, format)
  if (isTime(node)) {
    const ms = timeOfText(text, format.dates)
    if (Math.abs(ms) <= DATE_MS_MAX) return new Date(ms)
    return codeOrNot(node, text, `a time (${format.dates})`)
  }
  if (node.type === 'u64' || node.type === 'i64') {
    const digits = text.replace(/^\+/, '')
    return INTEGER.test(text) ? BigInt(digits.replace(/\..*/, '')) : noValue(text, 'a whole number')
  }
  return numberValue(node, text, format)
}

function numberValue(node: LeafNode, text: string, { decimal }: TextFormat): number | NoValue {
  const canonical = decimal === ',' ? text.replaceAll(/[.,]/g, mark => (mark === ',' ? '.' : '?')) : text
  if (NUMBER.test(canonical)) return Number(canonical)
  const special = isNumber(node) && node.nonFinite ? NON_FINITE[text.toLowerCase()] : undefined
  return special ?? noValue(text, 'a number')
}

function enumValue(node: EnumNode, text: string): unknown {
  const value = node.values.find(each => String(each) === text)
  return value === undefined ? codeOrNot(node, text, 'one of its values') : value
}

function codeOrNot(node: LeafNode, text: string, what: string): number | NoValue {
  return isLenient(node) && /^\d{1,15}$/.test(text) ? Number(text) : noValue(text, what)
}

function bytesValue(text: string, { bytes }: TextFormat): Uint8Array | NoValue {
  if (bytes === 'hex') {
    const digits = text.replace(/^(?:0x|\\x)/, '')
    const isHex = digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits)
    return isHex ? new Uint8Array(Buffer.from(digits, 'hex')) : noValue(text, 'hexadecimal')
  }
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0
  return isBase64 ? new Uint8Array(Buffer.from(text, 'base64')) : noValue(text, 'base64')
}

function noValue(text: string, what: string): NoValue {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
  return new NoValue(`'${shown}' is not ${what}`)
}
