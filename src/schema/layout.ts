/**
 * Where does each field lie? Offsets, sizes and null bits of a declared record.
 *
 *   LY1  fields follow each other in order of declaration: packed, or as a C compiler places them ('natural').
 *   LY2  no two fields share a byte, except bit fields of one integer. Every field ends within the record.
 *   LY3  null bits exist only if a field needs them. They lie in one bitmap behind the last field, counted from bit 0 of its first
 *       byte. A set bit means null; the second bit of a nullish field means absent. Zero bytes are thus present values. Offsets of
 *       fields do not depend on the bitmap.
 * The text of a layout: canonical.ts. Its fields by name: fields.ts.
 */

import type { z } from 'zod'
import { StrideError } from '../errors.ts'
import type { SettledOptions } from '../options/option-table.ts'
import { canonicalText, fingerprintOf } from './canonical.ts'
import type { Declared } from './declared.ts'
import { type FieldInfo, listFields } from './fields.ts'
import {
  type Endian,
  type LeafNode,
  leafPlace,
  type Member,
  type Node,
  type NullBitmap,
  type ObjectNode,
  ownBits,
} from './kinds.ts'
import { LAYOUT, type LayoutOptions } from './options.ts'
import { jointTag } from './unions.ts'
import { readSchema } from './zod-reader.ts'

/** Where each field of a record lies. Frozen: it cannot be changed. */
export interface Layout {
  /** Bytes of a record. */
  readonly recordSize: number
  /** Every field in order of declaration; the fields of a nested object follow it. */
  readonly fields: readonly FieldInfo[]
  /** Where the null bits lie; null if no field needs one. */
  readonly bitmap: NullBitmap | null
  /** The whole layout as JSON text, which two layouts share exactly if they are equal. */
  readonly canonical: string
  /** SHA-256 of the canonical text, 64 hex digits. */
  readonly fingerprint: string
  /** The tree that codecs and descriptions walk. @internal */
  readonly root: ObjectNode
}

const RECORD_SIZE_MAX = 2 ** 30

/**
 * The layout of a Zod object.
 * @throws {StrideError} ERR_STRIDE_LAYOUT for a schema without a layout; `field` is the path of the field
 * @throws TypeError, RangeError for invalid arguments
 */
export function layoutOf(schema: z.ZodType, options?: LayoutOptions): Layout {
  const given = LAYOUT.read(options, 'layoutOf')
  return placeRecord(readSchema(schema).declared, given)
}

/** The layout of a declared record. @throws ERR_STRIDE_LAYOUT */
export function placeRecord(declared: Declared, options: SettledOptions<typeof LAYOUT>): Layout {
  const { align, endian } = options
  const root = place(declared, { natural: align === 'natural', endian }, '', 0, 0) as ObjectNode
  const fieldsEnd = endOf(root.members.map(member => member.node))
  const bitmap = root.bits === 0 ? null : { offset: fieldsEnd, size: Math.ceil(root.bits / 8) }
  const end = fieldsEnd + (bitmap?.size ?? 0)
  const natural = align === 'natural' ? roundUp(end, root.alignment) : end
  const { recordSize = natural } = options
  if (recordSize < natural) {
    throw new StrideError(
      'ERR_STRIDE_LAYOUT',
      `recordSize is smaller than the fields: ${recordSize} < ${natural}`,
    )
  }
  if (recordSize > RECORD_SIZE_MAX) {
    throw new StrideError('ERR_STRIDE_LAYOUT', `A record takes at most ${RECORD_SIZE_MAX} bytes: ${recordSize}`)
  }
  return makeLayout({ ...root, size: fieldsEnd, width: recordSize }, bitmap)
}

/** Makes a layout from its tree. It is frozen to its leaves. */
export function makeLayout(root: ObjectNode, bitmap: Layout['bitmap']): Layout {
  const canonical = canonicalText(root, bitmap)
  return frozen({
    recordSize: root.width,
    fields: listFields(root, bitmap),
    bitmap,
    canonical,
    fingerprint: fingerprintOf(canonical),
    root,
  })
}

/** Freezes an object and all objects inside. */
function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}

interface Rules {
  readonly natural: boolean
  readonly endian: Endian
}

function place(declared: Declared, rules: Rules, path: string, offset: number, bit: number): Node {
  const { fixed, nullable, optional, fallback } = declared
  const endian = fixed.endian ?? rules.endian
  const own = ownBits(declared)
  const settle = (size: number, alignment: number, innerBits = 0) => {
    const width = fixed.width ?? size
    if (width < size) throw wrongPlace(path, `width ${width} is less than the ${size} bytes that it takes`)
    // Bytes that an object or tuple reserves behind its fields are padding, like the trailing padding of C.
    const whole = ['object', 'tuple', 'union'].includes(declared.type) ? width : size
    return {
      nullable,
      optional,
      fallback,
      offset,
      size: whole,
      width,
      alignment,
      endian,
      bit,
      bits: own + innerBits,
    }
  }
  switch (declared.type) {
    case 'object': {
      const inner = { ...rules, endian }
      const nodes = placeAll(
        declared.members.map(m => m.node),
        i => join(path, declared.members[i]?.name ?? ''),
        inner,
        own,
      )
      const members: Member<Node>[] = declared.members.map((m, i) => ({ name: m.name, node: nodes[i] as Node }))
      return { type: 'object', members, loose: declared.loose, ...settle(...extent(nodes, rules)) }
    }
    case 'tuple': {
      const items = placeAll(declared.items, i => join(path, String(i)), { ...rules, endian }, own)
      return { type: 'tuple', items, ...settle(...extent(items, rules)) }
    }
    case 'array': {
      const { length } = declared
      if (declared.element.fixed.offset !== undefined)
        throw wrongPlace(path, 'an array fixes no offset for its elements')
      const element = place(declared.element, { ...rules, endian }, join(path, '0'), 0, 0)
      const place_ = settle(element.width * length, element.alignment, element.bits * length)
      return { type: 'array', element, length, ...place_ }
    }
    case 'union': {
      const { tag } = declared
      const variants = declared.variants.map(
        variant => place(variant, { ...rules, endian }, path, 0, own) as ObjectNode,
      )
      const settled = settle(...overlaid(variants))
      try {
        return { type: 'union', tag, tagNode: jointTag(variants, tag), variants, ...settled }
      } catch (error) {
        throw wrongPlace(path, (error as Error).message)
      }
    }
    case 'enum': {
      const size = codeSize(fixed.width, largest(declared.codes), path)
      return { ...kindOf(declared), ...settle(size, size) }
    }
    case 'boolean': {
      const size = codeSize(fixed.width, 1, path)
      return { ...kindOf(declared), ...settle(size, size) }
    }
    default:
      return { ...kindOf(declared), ...settle(...leafPlace(declared)) } as LeafNode
  }
}

/** A leaf's kind without its presence and place. */
function kindOf<D extends Declared>(declared: D): Omit<D, 'fixed'> {
  const { fixed: _fixed, ...kind } = declared
  return kind
}

function placeAll(
  children: readonly Declared[],
  pathOf: (i: number) => string,
  rules: Rules,
  firstBit: number,
): Node[] {
  const nodes: Node[] = []
  let next = 0
  let bit = firstBit
  for (const [i, child] of children.entries()) {
    const path = pathOf(i)
    // The alignment is known only once the child is placed; its inner offsets are relative, so moving it is free.
    const placed = place(child, rules, path, 0, bit)
    const offset = child.fixed.offset ?? (rules.natural ? roundUp(next, placed.alignment) : next)
    const node = { ...placed, offset }
    const other = nodes.findIndex(
      n => n.offset < offset + node.width && offset < n.offset + n.width && !shareBytes(n, node),
    )
    if (other >= 0) throw wrongPlace(path, `its bytes from ${offset} overlap those of '${pathOf(other)}'`)
    nodes.push(node)
    next = offset + node.width
    bit += node.bits
  }
  return nodes
}

/** Whether two bit fields are parts of one integer. */
function shareBytes(a: Node, b: Node): boolean {
  if (a.type !== 'bits' || b.type !== 'bits') return false
  const areApart = a.shift + a.count <= b.shift || b.shift + b.count <= a.shift
  return a.offset === b.offset && a.unit === b.unit && a.width === b.width && a.endian === b.endian && areApart
}

function extent(nodes: readonly Node[], rules: Rules): [size: number, alignment: number, innerBits: number] {
  const alignment = largest(nodes.map(node => node.alignment))
  const end = endOf(nodes)
  const size = rules.natural ? roundUp(end, alignment) : end
  return [size, alignment, nodes.reduce((sum, node) => sum + node.bits, 0)]
}

/** The place of objects over the same bytes. */
function overlaid(variants: readonly ObjectNode[]): [size: number, alignment: number, innerBits: number] {
  return [
    largest(variants.map(({ width }) => width)),
    largest(variants.map(({ alignment }) => alignment)),
    largest(variants.map(({ bits }) => bits)),
  ]
}

function endOf(nodes: readonly Node[]): number {
  return largest(nodes.map(node => node.offset + node.width))
}

function codeSize(width: number | undefined, codeMax: number, path: string): number {
  const size = codeMax < 0x100 ? 1 : 2
  if (width === undefined) return size
  if (width !== 1 && width !== 2 && width !== 4)
    throw wrongPlace(path, `a code takes 1, 2 or 4 bytes, not ${width}`)
  if (width < size) throw wrongPlace(path, `the code ${codeMax} does not fit into ${width} byte`)
  return width
}

function roundUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function wrongPlace(path: string, reason: string): StrideError {
  return new StrideError('ERR_STRIDE_LAYOUT', `The field '${path}' cannot be placed: ${reason}`, {
    field: path,
  })
}

/** Of any number of values: a spread takes no more than the stack. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}
