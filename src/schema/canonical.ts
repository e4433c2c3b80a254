/**
 * How is a layout written as text, and read back? The canonical form.
 *
 *   CA1  equal layouts have equal text, whatever schema, options or library version they came from.
 *   CA2  the text alone is enough to rebuild the layout: it contains the offsets.
 *   CA3  it contains nothing that only concerns writing: defaults, refinements, loose objects.
 * File headers contain the text, so a change here is a change of the file format.
 */

import { createHash } from 'node:crypto'
import { StrideError } from '../errors.ts'
import { checkedMeant, checkedText, parametersOf } from './kind-parameters.ts'
import {
  type BooleanKind,
  childrenOf,
  type EnumKind,
  type EnumValue,
  type FieldType,
  hasByteOrder,
  type LeafKind,
  type LeafNode,
  leafPlace,
  MEANT,
  type MeantKind,
  type Node,
  NUMBERS,
  type NullBitmap,
  type NumberType,
  type ObjectNode,
  ownBits,
  type Padding,
  TEXTS,
  type TextEncoding,
} from './kinds.ts'
import { jointTag } from './unions.ts'

export const CANONICAL_VERSION = 1

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Order and spelling of the keys are part of the format. */
export function canonicalText(root: ObjectNode, bitmap: NullBitmap | null): string {
  const text: Record<string, Json> = {
    version: CANONICAL_VERSION,
    recordSize: root.width,
    alignment: root.alignment,
    fields: root.members.map(member => fieldJson(member.node, member.name)),
  }
  if (bitmap !== null) text.nullBits = { offset: bitmap.offset, size: bitmap.size }
  return JSON.stringify(text)
}

/** SHA-256 of a canonical text, hex. */
export function fingerprintOf(canonical: string): string {
  return createHash('sha256').update(canonical).digest('hex')
}

function fieldJson(node: Node, name?: string): Json {
  const json: Record<string, Json> = name === undefined ? {} : { name }
  json.type = node.type
  json.offset = node.offset
  json.size = node.size
  if (node.width !== node.size) json.width = node.width
  if (node.endian === 'big' && hasByteOrder(node)) json.endian = 'big'
  if (node.nullable) json.nullable = true
  if (node.optional) json.optional = true
  switch (node.type) {
    case 'enum':
      json.values = node.values.map(value => (typeof value === 'bigint' ? { bigint: String(value) } : value))
      json.codes = node.codes
      Object.assign(json, parametersOf(node))
      break
    case 'object':
      json.fields = node.members.map(member => fieldJson(member.node, member.name))
      json.alignment = node.alignment
      break
    case 'tuple':
      json.items = node.items.map(item => fieldJson(item))
      json.alignment = node.alignment
      break
    case 'array':
      json.length = node.length
      json.element = fieldJson(node.element)
      break
    case 'union':
      json.tag = node.tag
      json.variants = node.variants.map(variant => fieldJson(variant))
      json.alignment = node.alignment
      break
    default:
      Object.assign(json, parametersOf(node))
  }
  return json
}

/** The tree that a canonical text describes. @throws ERR_STRIDE_CORRUPT, ERR_STRIDE_FORMAT_NEWER */
export function parseCanonical(text: string): {
  readonly root: ObjectNode
  readonly bitmap: NullBitmap | null
} {
  let json: RecordJson
  try {
    json = JSON.parse(text) as RecordJson
  } catch (cause) {
    throw new StrideError('ERR_STRIDE_CORRUPT', 'The layout is not readable: it is not JSON', { cause })
  }
  if (json?.version > CANONICAL_VERSION) {
    throw new StrideError('ERR_STRIDE_FORMAT_NEWER', `The layout has a newer format version: ${json.version}`)
  }
  let root: ObjectNode
  try {
    const members = placeBits(json.fields, 0)
    const { alignment, recordSize } = json
    const size =
      json.nullBits?.offset ?? members.reduce((end, m) => Math.max(end, m.node.offset + m.node.width), 0)
    const bits = members.reduce((sum, m) => sum + m.node.bits, 0)
    root = {
      type: 'object',
      loose: false,
      members,
      ...PRESENT,
      offset: 0,
      size,
      width: recordSize,
      alignment,
      bit: 0,
      bits,
    }
  } catch (cause) {
    throw new StrideError('ERR_STRIDE_CORRUPT', 'The layout is not readable: it lacks a part', { cause })
  }
  const bitmap = json.nullBits ?? null
  const end = bitmap === null ? root.size : bitmap.offset + bitmap.size
  const isSound = end <= root.width && (bitmap?.size ?? 0) === Math.ceil(root.bits / 8) && fieldsLieWithin(root)
  // The layout must give the same text again. That excludes unknown types, missing parts and keys out of order.
  if (!isSound || canonicalText(root, bitmap) !== text) {
    throw new StrideError('ERR_STRIDE_CORRUPT', 'The layout is not readable: it is not in canonical form')
  }
  return { root, bitmap }
}

/** Whether every part lies inside the one around it, and a schema may have every name. */
function fieldsLieWithin(node: Node): boolean {
  if (node.type === 'array')
    return node.element.width * node.length <= node.size && fieldsLieWithin(node.element)
  if (node.type !== 'object' && node.type !== 'tuple' && node.type !== 'union') return true
  if (
    node.type === 'object' &&
    node.members.some(m => m.name === '' || m.name === '__proto__' || m.name.includes('.'))
  ) {
    return false
  }
  const children = childrenOf(node)
  return children.every(child => {
    const isWhole = Number.isSafeInteger(child.offset) && Number.isSafeInteger(child.width)
    return (
      isWhole &&
      child.offset >= 0 &&
      child.size <= child.width &&
      child.offset + child.width <= node.size &&
      fieldsLieWithin(child)
    )
  })
}

interface RecordJson {
  readonly version: number
  readonly recordSize: number
  readonly alignment: number
  readonly fields: readonly FieldJson[]
  readonly nullBits?: { readonly offset: number; readonly size: number }
}

interface FieldJson {
  readonly name?: string
  readonly type: FieldType
  readonly offset: number
  readonly size: number
  readonly width?: number
  readonly endian?: 'big'
  readonly nullable?: true
  readonly optional?: true
  readonly nonFinite?: true
  readonly of?: string
  readonly digits?: number
  readonly unit?: string
  readonly shift?: number
  readonly count?: number
  readonly radix?: number
  readonly fill?: string
  readonly end?: string
  readonly padding?: Padding
  readonly lenient?: true
  readonly values?: readonly (Exclude<EnumValue, bigint> | { readonly bigint: string })[]
  readonly codes?: readonly number[]
  readonly fields?: readonly FieldJson[]
  readonly items?: readonly FieldJson[]
  readonly tag?: string
  readonly variants?: readonly FieldJson[]
  readonly element?: FieldJson
  readonly length?: number
  readonly alignment?: number
}

const PRESENT = { nullable: false, optional: false, fallback: null, endian: 'little' } as const

function placeBits(fields: readonly FieldJson[], firstBit: number): { name: string; node: Node }[] {
  let bit = firstBit
  return fields.map(field => {
    const node = parseField(field, bit)
    bit += node.bits
    return { name: String(field.name), node }
  })
}

function parseField(json: FieldJson, bit: number): Node {
  const { type, offset, size } = json
  const presence = { nullable: json.nullable ?? false, optional: json.optional ?? false, fallback: null }
  const own = ownBits(presence)
  const endian: 'big' | 'little' = json.endian ?? 'little'
  const place = (alignment: number, innerBits = 0) => {
    return {
      ...presence,
      offset,
      size,
      width: json.width ?? size,
      alignment,
      endian,
      bit,
      bits: own + innerBits,
    }
  }
  switch (type) {
    case 'object': {
      const members = placeBits(json.fields as readonly FieldJson[], own)
      return {
        type,
        members,
        loose: false,
        ...place(json.alignment as number, sumBits(members.map(m => m.node))),
      }
    }
    case 'tuple': {
      const items = placeBits(json.items as readonly FieldJson[], own).map(m => m.node)
      return { type, items, ...place(json.alignment as number, sumBits(items)) }
    }
    case 'array': {
      const element = parseField(json.element as FieldJson, 0)
      const length = json.length as number
      return { type, element, length, ...place(element.alignment, element.bits * length) }
    }
    case 'union': {
      const tag = json.tag as string
      const variants = (json.variants as readonly FieldJson[]).map(variant => parseField(variant, own))
      if (!variants.every(isVariant)) throw new TypeError('a variant is no object')
      const bits = variants.reduce((most, variant) => Math.max(most, variant.bits), 0)
      return { type, tag, tagNode: jointTag(variants, tag), variants, ...place(json.alignment as number, bits) }
    }
    case 'enum': {
      const values = (json.values ?? []).map(v => (typeof v === 'object' && v !== null ? BigInt(v.bigint) : v))
      return {
        type,
        values,
        codes: json.codes as readonly number[],
        lenient: json.lenient ?? false,
        ...place(size),
      }
    }
    case 'boolean':
      return { type, lenient: json.lenient ?? false, ...place(size) }
    default: {
      const kind = parseKind(json)
      const [bytes, alignment] = leafPlace(kind)
      if (bytes !== size) throw new TypeError(`${type} has ${bytes} bytes, not ${String(size)}`)
      return { ...kind, ...place(alignment) } as LeafNode
    }
  }
}

function isVariant(node: Node): node is ObjectNode {
  return node.type === 'object' && ownBits(node) === 0 && node.offset === 0
}

/** A kind by its type and its parameters. */
function parseKind(json: FieldJson): Exclude<LeafKind, BooleanKind | EnumKind> {
  const { type, size: length } = json
  if (TEXTS.includes(type))
    return checkedText({ type: type as TextEncoding, length, padding: json.padding ?? 'zero' })
  if (MEANT.includes(type)) return checkedMeant(parseMeant(json) as MeantKind)
  if (type === 'bytes') return { type, length }
  if (type === 'date' || type === 'u64' || type === 'i64') return { type }
  if (!(type in NUMBERS)) throw new TypeError(`unknown type ${String(type)}`)
  return { type: type as NumberType, nonFinite: json.nonFinite ?? false }
}

function parseMeant(json: FieldJson): object {
  const { type, size, of, digits, unit, shift, count, radix, fill, end, lenient = false } = json
  switch (type) {
    case 'dosdatetime':
    case 'dosdate':
      return { type, lenient }
    case 'decimal':
      return { type, of, digits }
    case 'unix':
      return { type, of, unit }
    case 'bits':
      return { type, unit: size, shift, count }
    case 'numbertext':
      return { type, length: size, radix, fill, end }
    default:
      return { type }
  }
}

function sumBits(nodes: readonly Node[]): number {
  return nodes.reduce((sum, node) => sum + node.bits, 0)
}
