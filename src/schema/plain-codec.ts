/**
 * What do a record's bytes mean? The reference codec, which walks the layout and does one obvious thing for each field.
 *
 *   PC1  every byte of the record is written: padding and null fields are zero.
 *   PC2  a record is copied and checked whole (record-copy.ts) before the first byte is written from the copy.
 *   PC3  bytes without a value are reported with the field and its offset, never guessed.
 * The same as generated code: compiled-codec.ts. Both write the same bytes.
 */

import { StrideError } from '../errors.ts'
import { dateMs } from '../runtime/realms.ts'
import { type FoundField, findFields } from './fields.ts'
import { isRecord, notChanges, refusal } from './fit.ts'
import {
  DATE_MS_MAX,
  type EnumNode,
  isMeant,
  isNumber,
  isText,
  isTime,
  type LeafNode,
  type Node,
  NUMBERS,
  type NumberNode,
  type ObjectNode,
  ownBits,
} from './kinds.ts'
import type { Layout } from './layout.ts'
import { meaningOf } from './meanings-by-kind.ts'
import { ODD_NUMBERS } from './numbers-without-dataview.ts'
import { setMember, type Taken, type TakenChange, take, takeChange } from './record-copy.ts'
import { readText, writeText } from './text-field.ts'
import { variantOf } from './unions.ts'

/** A record's place in memory. `bits` is the position of the byte with the first null bit. */
export interface Image {
  readonly view: DataView
  readonly bytes: Buffer
  readonly at: number
  readonly bits: number
}

export function imageAt(layout: Layout, view: DataView, bytes: Buffer, at: number): Image {
  return { view, bytes, at, bits: at + (layout.bitmap?.offset ?? 0) }
}

/** Writes a whole record. @throws ERR_STRIDE_RECORD, nothing written then */
export function plainEncode(layout: Layout, value: unknown, image: Image): void {
  const taken = take(layout.root, value, false)
  if (taken.issues !== null) throw refusal(taken.issues)
  writeRecord(layout, taken, image)
}

/** Writes a whole record, unless there are issues. @returns its copy for Zod */
export function plainCopying(layout: Layout, value: unknown, image: Image): Taken {
  const taken = take(layout.root, value, true)
  if (taken.issues === null) writeRecord(layout, taken, image)
  return taken
}

/** Writes the fields that `change` names over an existing record. @throws ERR_STRIDE_RECORD, nothing written then */
export function plainPatch(layout: Layout, change: unknown, image: Image): void {
  if (!isRecord(change)) throw refusal(notChanges())
  const taken = takeChange(layout.root, change, false)
  if (taken.issues !== null) throw refusal(taken.issues)
  writeChange(layout, taken, image)
}

/** Like plainPatch, but without writing if there are issues. @returns a copy of the change for Zod */
export function plainCopyingPatch(
  layout: Layout,
  change: Readonly<Record<string, unknown>>,
  image: Image,
): TakenChange {
  const taken = takeChange(layout.root, change, true)
  if (taken.issues === null) writeChange(layout, taken, image)
  return taken
}

export function plainDecode(layout: Layout, image: Image): unknown {
  return readMembers(layout.root, image, image.at, 0, '')
}

/** The value of a field found by its path; null or undefined if an object around it is. */
export function plainField(field: FoundField, image: Image): unknown {
  for (const guard of field.guards) {
    const missing = presence(guard.node, image, guard.bit, guard.path, image.at + guard.offset)
    if (missing !== PRESENT) return missing
  }
  return readNode(field.node, image, image.at + field.offset, field.bit, field.path)
}

/** Every dotted path with its field. */
export function fieldsByPath(layout: Layout): ReadonlyMap<string, FoundField> {
  return new Map(findFields(layout.root).map(field => [field.path, field]))
}

function writeRecord(layout: Layout, { value }: Taken, image: Image): void {
  image.bytes.fill(0, image.at, image.at + layout.recordSize)
  writeMembers(layout.root, value as object, image, image.at, 0)
}

function writeChange({ root }: Layout, { value }: TakenChange, image: Image): void {
  for (const { name, node } of root.members) {
    if (!Object.hasOwn(value, name)) continue
    const offset = image.at + node.offset
    image.bytes.fill(0, offset, offset + node.width)
    for (let bit = node.bit; bit < node.bit + node.bits; bit++) setBit(image, bit, false)
    write(node, value[name], image, offset, node.bit)
  }
}

function write(node: Node, value: unknown, image: Image, offset: number, bit: number): void {
  if (value === undefined || (value === null && node.nullable)) {
    setBit(image, value === null || !node.nullable ? bit : bit + 1, true)
  } else if (node.type === 'object') {
    writeMembers(node, value as object, image, offset, bit)
  } else if (node.type === 'union') {
    const variant = variantOf(node, (value as Readonly<Record<string, unknown>>)[node.tag]) as ObjectNode
    writeMembers(variant, value as object, image, offset, bit + variant.bit)
  } else if (node.type === 'tuple') {
    for (const [i, item] of node.items.entries()) {
      write(item, (value as unknown[])[i], image, offset + item.offset, bit + item.bit)
    }
  } else if (node.type === 'array') {
    const { element, length } = node
    for (let i = 0; i < length; i++) {
      const elementBit = bit + ownBits(node) + i * element.bits
      write(element, (value as unknown[])[i], image, offset + i * element.width, elementBit)
    }
  } else {
    writeLeaf(node, value, image, offset)
  }
}

/** Stores a value that fits at a byte position of the record. Its null bits are not touched. */
export function writeLeaf(node: LeafNode, value: unknown, { view, bytes }: Image, offset: number): void {
  const little = node.endian === 'little'
  switch (node.type) {
    case 'u64':
      view.setBigUint64(offset, value as bigint, little)
      break
    case 'i64':
      view.setBigInt64(offset, value as bigint, little)
      break
    case 'boolean':
      writeCode(view, offset, node.size, Number(value), little)
      break
    case 'date':
      view.setBigInt64(offset, BigInt(dateMs(value)), little)
      break
    case 'enum':
      writeCode(
        view,
        offset,
        node.size,
        node.codes[node.values.indexOf(value as string)] ?? (value as number),
        little,
      )
      break
    case 'bytes':
      bytes.set((value as Uint8Array).subarray(0, node.length), offset)
      break
    default:
      if (isMeant(node)) meaningOf(node).write(value, view, bytes, offset)
      else if (isText(node)) writeText(node, value as string, bytes, offset)
      else writeNumber(node, value as number, view, bytes, offset)
  }
}

function writeNumber(node: NumberNode, value: number, view: DataView, bytes: Buffer, offset: number): void {
  const { type, size } = node
  const { accessor } = NUMBERS[type]
  const little = node.endian === 'little'
  if (accessor !== null) view[`set${accessor}`](offset, value, little)
  else if (type === 'f16') ODD_NUMBERS.f16.set(view, offset, value, little)
  else bytes[`write${type.startsWith('u') ? 'UInt' : 'Int'}${little ? 'LE' : 'BE'}`](value, offset, size)
}

function readNumber(node: NumberNode, view: DataView, bytes: Buffer, offset: number): number {
  const { type, size } = node
  const { accessor } = NUMBERS[type]
  const little = node.endian === 'little'
  if (accessor !== null) return view[`get${accessor}`](offset, little)
  if (type === 'f16') return ODD_NUMBERS.f16.get(view, offset, little)
  return bytes[`read${type.startsWith('u') ? 'UInt' : 'Int'}${little ? 'LE' : 'BE'}`](offset, size)
}

function writeMembers(node: ObjectNode, record: object, image: Image, offset: number, bit: number): void {
  for (const { name, node: child } of node.members) {
    const value = (record as Readonly<Record<string, unknown>>)[name]
    write(child, value, image, offset + child.offset, bit + child.bit)
  }
}

function writeCode(view: DataView, offset: number, size: number, code: number, little: boolean): void {
  if (size === 1) view.setUint8(offset, code)
  else if (size === 2) view.setUint16(offset, code, little)
  else view.setUint32(offset, code, little)
}

/** The value at a byte position of the record; null or undefined if its null bits say so. @throws ERR_STRIDE_CORRUPT */
export function readNode(node: Node, image: Image, offset: number, bit: number, path: string): unknown {
  const missing = presence(node, image, bit, path, offset)
  if (missing !== PRESENT) return missing
  const little = node.endian === 'little'
  const { view, bytes } = image
  if (isNumber(node)) return readNumber(node, view, bytes, offset)
  if (isText(node)) {
    const text = readText(node, bytes, offset)
    if (text === undefined) throw impossible(path, offset, `no text has ${bytes[offset]} bytes`)
    return text
  }
  if (isMeant(node)) {
    const meaning = meaningOf(node)
    const value = meaning.read(view, bytes, offset)
    if (value === undefined && meaning.readCode !== undefined) return meaning.readCode(view, offset)
    const found = bytes.toString('hex', offset, offset + node.size)
    if (value === undefined) throw impossible(path, offset, `no ${node.type} has the bytes 0x${found}`)
    return isTime(node) ? new Date(value) : value
  }
  switch (node.type) {
    case 'object':
      return readMembers(node, image, offset, bit, `${path}.`)
    case 'union': {
      const tag = readNode(node.tagNode, image, offset + node.tagNode.offset, 0, `${path}.${node.tag}`)
      const variant = variantOf(node, tag) as ObjectNode
      return readMembers(variant, image, offset, bit + variant.bit, `${path}.`)
    }
    case 'tuple':
      return node.items.map((item, i) =>
        readNode(item, image, offset + item.offset, bit + item.bit, `${path}.${i}`),
      )
    case 'array': {
      const { element, length } = node
      return Array.from({ length }, (_, i) =>
        readNode(
          element,
          image,
          offset + i * element.width,
          bit + ownBits(node) + i * element.bits,
          `${path}.${i}`,
        ),
      )
    }
    case 'u64':
      return view.getBigUint64(offset, little)
    case 'i64':
      return view.getBigInt64(offset, little)
    case 'boolean': {
      const code = readCode(view, offset, node.size, little)
      if (code > 1 && node.lenient) return code
      if (code > 1) throw impossible(path, offset, `no boolean has the code ${code}`)
      return code === 1
    }
    case 'date': {
      const ms = Number(view.getBigInt64(offset, little))
      if (Math.abs(ms) > DATE_MS_MAX) throw impossible(path, offset, `no date has ${ms} milliseconds`)
      return new Date(ms)
    }
    case 'enum':
      return readEnum(node, readCode(view, offset, node.size, little), offset, path)
    case 'bytes':
      return new Uint8Array(bytes.subarray(offset, offset + node.length))
    default:
      return undefined
  }
}

function readMembers(node: ObjectNode, image: Image, offset: number, bit: number, prefix: string): object {
  const record: Record<string, unknown> = {}
  for (const { name, node: child } of node.members) {
    setMember(record, name, readNode(child, image, offset + child.offset, bit + child.bit, prefix + name))
  }
  return record
}

function readCode(view: DataView, offset: number, size: number, little: boolean): number {
  if (size === 1) return view.getUint8(offset)
  return size === 2 ? view.getUint16(offset, little) : view.getUint32(offset, little)
}

function readEnum(node: EnumNode, code: number, offset: number, path: string): unknown {
  const index = node.codes.indexOf(code)
  if (index < 0 && node.lenient) return code
  if (index < 0) throw impossible(path, offset, `no value has the code ${code}`)
  return node.values[index]
}

const PRESENT: unique symbol = Symbol('present')

/** null or undefined if the field's null bits say so; PRESENT if it has a value. */
function presence(node: Node, image: Image, bit: number, path: string, offset: number): unknown {
  const isNull = node.nullable && getBit(image, bit)
  const isAbsent = node.optional && getBit(image, bit + (node.nullable ? 1 : 0))
  if (isNull && isAbsent) throw impossible(path, offset, 'it is marked null and absent at once')
  return isNull ? null : isAbsent ? undefined : PRESENT
}

function getBit(image: Image, bit: number): boolean {
  return (((image.bytes[image.bits + (bit >> 3)] as number) >> (bit & 7)) & 1) === 1
}

function setBit(image: Image, bit: number, on: boolean): void {
  const index = image.bits + (bit >> 3)
  const mask = 1 << (bit & 7)
  const byte = image.bytes[index] as number
  image.bytes[index] = on ? byte | mask : byte & ~mask
}

function impossible(path: string, offset: number, reason: string): StrideError {
  return new StrideError('ERR_STRIDE_CORRUPT', `The field '${path}' at byte ${offset} is damaged: ${reason}`, {
    field: path,
    offset,
  })
}
