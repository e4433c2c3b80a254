/**
 * Which code is generated to read a field? Expressions over `v` (DataView), `b` (Buffer) and `at` (position of the record).
 *
 * For an impossible code the expression calls `fail`. The plain codec then reads the same field and throws, with its path and offset.
 */

import type { Codec } from './codec.ts'
import type { FoundField } from './fields.ts'
import {
  bitNumber,
  bitPlace,
  literal,
  position,
  RECORD,
  type Source,
  type Spot,
  within,
} from './generated-source.ts'
import {
  type ArrayNode,
  BIGINTS,
  DATE_MS_MAX,
  type EnumNode,
  isContainer,
  isLenient,
  isMeant,
  isNumber,
  isOddNumber,
  isText,
  isTime,
  isWide,
  type MeantNode,
  type Node,
  NUMBERS,
  ownBits,
  type TextNode,
  type UnionNode,
} from './kinds.ts'
import { meaningOf } from './meanings-by-kind.ts'
import { ODD_NUMBERS } from './numbers-without-dataview.ts'
import { readText } from './text-field.ts'
import type { TextReader, TextReaders } from './text-read.ts'
import { tagOf } from './unions.ts'

export interface ReadContext {
  readonly source: Source
  readonly texts: TextReaders
  readonly bitmapOffset: number
  /** Source of a call that throws for damaged bytes. */
  readonly fail: string
}

/** Arrays with at most so many elements are unrolled; longer ones are loops. */
export const UNROLLED_MAX = 16

/** Codes up to this one are looked up in an array, larger ones in a Map. */
const TABLE_MAX = 4096

/** Source of the field's value, or of null or undefined if its null bits say so. */
export function readExpression(context: ReadContext, node: Node, spot: Spot): string {
  return ifPresent(context, node, spot, readValue(context, node, spot))
}

/** Source of the value at a field's path: null or undefined if an object around it is. */
export function guardedExpression(context: ReadContext, field: FoundField): string {
  const spot = { ...RECORD, offset: field.offset, bit: field.bit }
  return field.guards.reduceRight(
    (value, guard) =>
      ifPresent(context, guard.node, { ...RECORD, offset: guard.offset, bit: guard.bit }, value),
    readExpression(context, field.node, spot),
  )
}

/** Source of a call that reads the field as the plain codec does, and throws. */
export function failure(source: Source, plain: Codec, path: string): string {
  return `${source.constant(plain.readField)}(v, b, at, ${literal(path)})`
}

/** Source of `value` if the node's null bits are clear, otherwise of null or undefined. */
export function ifPresent(context: ReadContext, node: Node, spot: Spot, value: string): string {
  if (ownBits(node) === 0) return value
  const test = (extra: number): string => {
    const { byte, mask } = bitPlace(spot, extra, context.bitmapOffset)
    return `(${byte} & ${mask}) !== 0`
  }
  if (!node.nullable) return `(${test(0)} ? undefined : ${value})`
  if (!node.optional) return `(${test(0)} ? null : ${value})`
  return `(${test(0)} ? (${test(1)} ? ${context.fail} : null) : ${test(1)} ? undefined : ${value})`
}

function readValue(context: ReadContext, node: Node, spot: Spot): string {
  const { source, fail } = context
  const little = node.endian === 'little'
  const at = position(spot)
  if (isNumber(node)) {
    const { type } = node
    if (isOddNumber(type)) return `${source.constant(ODD_NUMBERS[type].get)}(v, ${at}, ${little})`
    return `v.get${NUMBERS[type].accessor}(${at}${order(node.size, little)})`
  }
  if (isText(node)) {
    const reader = readerOf(context.texts, node)
    if (reader !== undefined) return `${source.constant(reader)}(v, b, ${at}, ${node.length})`
    return orFail(context, `${source.constant(readText)}(${source.constant(node)}, b, ${at})`)
  }
  if (isMeant(node) && isLenient(node)) return `${source.constant(lenientTime(node))}(v, b, ${at})`
  if (isMeant(node))
    return isTime(node) ? `new Date(${readMeant(context, node, at)})` : readMeant(context, node, at)
  switch (node.type) {
    case 'object': {
      const members = node.members.map(
        m => `${literal(m.name)}: ${readExpression(context, m.node, within(spot, m.node))}`,
      )
      return `{ ${members.join(', ')} }`
    }
    case 'union':
      return readUnion(context, node, spot)
    case 'tuple':
      return `[${node.items.map(item => readExpression(context, item, within(spot, item))).join(', ')}]`
    case 'array':
      return readArray(context, node, spot)
    case 'u64':
    case 'i64':
      return `v.get${BIGINTS[node.type].accessor}(${at}, ${little})`
    case 'boolean':
      return `${booleanReader(context, 'true', 'false', node.lenient)}(${readCode(node.size, at, little)}, v, b, at)`
    case 'date':
      return `new Date(${readMs(context, node, spot)})`
    case 'enum': {
      const table = source.constant(enumTable(node))
      const value = Array.isArray(enumTable(node)) ? `${table}[c]` : `${table}.get(c)`
      const other = node.lenient ? 'c' : fail
      const read = source.function('c, v, b, at', `const x = ${value}; return x !== undefined ? x : ${other}`)
      return `${read}(${readCode(node.size, at, little)}, v, b, at)`
    }
    case 'bytes':
      return `${source.constant(copyBytes)}(b, ${at}, ${node.length})`
  }
}

/** Source of the field's value as an element of a typed array: dates as milliseconds, booleans as 0 and 1. */
export function readElement(context: ReadContext, node: Node, spot: Spot): string {
  if (node.type === 'date') return readMs(context, node, spot)
  if (isMeant(node)) return readMeant(context, node, position(spot))
  if (node.type !== 'boolean') return readExpression(context, node, spot)
  const code = readCode(node.size, position(spot), node.endian === 'little')
  return `${booleanReader(context, '1', '0', false)}(${code}, v, b, at)`
}

function readArray(context: ReadContext, node: ArrayNode, spot: Spot): string {
  const { element, length } = node
  const own = ownBits(node)
  if (length <= UNROLLED_MAX && !isContainer(element)) {
    const places = Array.from({ length }, (_, i) => ({
      offset: i * element.width,
      bit: own + i * element.bits,
    }))
    return `[${places.map(place => readExpression(context, element, within(spot, place))).join(', ')}]`
  }
  const inner: Spot = { base: 'p', offset: 0, bitBase: 'q', bit: 0 }
  const read = context.source.function(
    'v, b, at, p, q',
    `const out = new Array(${length});
for (let i = 0; i < ${length}; i++, p += ${element.width}, q += ${element.bits}) {
  out[i] = ${readExpression(context, element, inner)};
}
return out`,
  )
  return `${read}(v, b, at, ${position(spot)}, ${bitNumber(spot, own)})`
}

function readUnion(context: ReadContext, { tag, tagNode, variants }: UnionNode, spot: Spot): string {
  const inner: Spot = { base: 'p', offset: 0, bitBase: 'q', bit: 0 }
  const code = readCode(tagNode.size, position(within(inner, tagNode)), tagNode.endian === 'little')
  const cases = variants.map(variant => {
    const labels = tagOf(variant, tag)?.codes.map(each => `case ${each}:`) ?? []
    return `${labels.join(' ')} return ${readValue(context, variant, within(inner, variant))};`
  })
  const read = context.source.function(
    'v, b, at, p, q',
    `switch (${code}) {\n${cases.join('\n')}\n}\nreturn ${context.fail}`,
  )
  return `${read}(v, b, at, ${position(spot)}, ${bitNumber(spot, 0)})`
}

/** An int64 as a double; exact for every date. */
function readMs(context: ReadContext, node: Node, spot: Spot): string {
  const little = node.endian === 'little'
  const [low, high] = little ? ['p', 'p + 4'] : ['p + 4', 'p']
  const read = context.source.function(
    'v, b, at, p',
    `const ms = v.getInt32(${high}, ${little}) * 4294967296 + v.getUint32(${low}, ${little});
return ms <= ${DATE_MS_MAX} && ms >= -${DATE_MS_MAX} ? ms : ${context.fail}`,
  )
  return `${read}(v, b, at, ${position(spot)})`
}

function booleanReader(context: ReadContext, yes: string, no: string, isLenient: boolean): string {
  const other = isLenient ? 'c' : context.fail
  return context.source.function('c, v, b, at', `return c === 1 ? ${yes} : c === 0 ? ${no} : ${other}`)
}

/** Reads a Date, or a code without a date as a number. */
function lenientTime(
  node: MeantNode,
): (view: DataView, bytes: Buffer, at: number) => Date | number | undefined {
  const { read, readCode } = meaningOf(node)
  return (view, bytes, at) => {
    const ms = read(view, bytes, at)
    return ms === undefined ? readCode?.(view, at) : new Date(ms)
  }
}

/** Source of the value that a meaning reads; milliseconds for a time. */
function readMeant(context: ReadContext, node: MeantNode, at: string): string {
  const inLine = integerMeant(node, at)
  return inLine ?? orFail(context, `${context.source.constant(meaningOf(node).read)}(v, b, ${at})`)
}

/** The same in line, if a DataView can read the stored integer and each of its values is valid. */
function integerMeant(node: MeantNode, at: string): string | undefined {
  if (node.type !== 'decimal' && node.type !== 'unix') return undefined
  const { of } = node
  if (of === 'u64' || of === 'i64' || isOddNumber(of)) return undefined
  const stored = `v.get${NUMBERS[of].accessor}(${at}${order(node.size, node.endian === 'little')})`
  if (node.type === 'decimal') return `${stored} / ${10 ** node.digits}`
  return node.unit === 's' ? `${stored} * 1000` : stored
}

/** Source of an expression's value, in which undefined means damage. */
function orFail({ source, fail }: ReadContext, expression: string): string {
  return `${source.function('x, v, b, at', `return x !== undefined ? x : ${fail}`)}(${expression}, v, b, at)`
}

function readCode(size: number, at: string, little: boolean): string {
  return `v.getUint${size * 8}(${at}${order(size, little)})`
}

function order(size: number, little: boolean): string {
  return size === 1 ? '' : `, ${little}`
}

function enumTable(node: EnumNode): unknown[] | ReadonlyMap<number, unknown> {
  const codeMax = node.codes.reduce((most, code) => Math.max(most, code), 0)
  if (codeMax > TABLE_MAX) return new Map(node.codes.map((code, i) => [code, node.values[i]]))
  return Array.from({ length: codeMax + 1 }, (_, code) => node.values[node.codes.indexOf(code)])
}

/** The fast reader of a text; undefined if there is none. */
function readerOf(texts: TextReaders, node: TextNode): TextReader | undefined {
  if (isWide(node) || (node.padding !== 'zero' && node.padding !== 'space')) return undefined
  if (node.type === 'utf8') return node.padding === 'zero' ? texts.zeroPaddedUtf8 : texts.spacePaddedUtf8
  return node.padding === 'zero' ? texts.zeroPaddedBytes : texts.spacePaddedBytes
}

/** A copy that does not share Buffer's pool. A short one is copied byte by byte, which is faster than a call into C++. */
function copyBytes(bytes: Buffer, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  if (length > 32) copy.set(bytes.subarray(offset, offset + length))
  else for (let i = 0; i < length; i++) copy[i] = bytes[offset + i] as number
  return copy
}
