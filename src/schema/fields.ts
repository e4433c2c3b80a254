/**
 * Which fields does a layout have, by their dotted paths?
 */

import { nearestName } from '../options/option-names.ts'
import { type Parameters, parametersOf } from './kind-parameters.ts'
import {
  type Endian,
  type EnumValue,
  type FieldType,
  hasByteOrder,
  isText,
  type Node,
  type ObjectNode,
  ownBits,
  type Padding,
} from './kinds.ts'

/** One field as `layout.fields` shows it. */
export interface FieldInfo {
  /** Dotted path: 'price', 'position.x'. */
  readonly path: string
  /** What it holds: 'u32', 'utf8', 'object' and so on. */
  readonly type: FieldType
  /** Bytes from the start of the record. */
  readonly offset: number
  /** Bytes of the value; of an array, of all its elements. */
  readonly size: number
  /** Bytes reserved: more than `size` where metadata widened the field. */
  readonly width: number
  /** Byte order; null for single bytes, text, and fields that hold others. */
  readonly endian: Endian | null
  /** Whether it may be null. */
  readonly nullable: boolean
  /** Whether it may be absent (undefined). */
  readonly optional: boolean
  /** Its first null bit, counted from the bitmap's first bit; null if it has none. A nullish field has two, the second for absent. */
  readonly nullBit: number | null
  /** Bytes of text and of bytes; elements of arrays and tuples. */
  readonly length?: number
  /** Text: how its end is stored. */
  readonly padding?: Padding
  /** Other parameters of the type: `of` and `digits` of a decimal, `shift` and `count` of bits, `tag` of a union, and so on. */
  readonly parameters?: Parameters
  /** Enums and literals: the values, in order of declaration. */
  readonly values?: readonly EnumValue[]
  /** Enums and literals: `values[i]` is stored as `codes[i]`. */
  readonly codes?: readonly number[]
  /** f16, f32 and f64: whether NaN and the infinities are values. */
  readonly nonFinite?: boolean
  /** Booleans, enums, literals and DOS times: present and true if a code without a value is read as the number itself. */
  readonly lenient?: boolean
  /** Type of an array's elements. */
  readonly element?: FieldType
}

/** A field found by its path. */
export interface FoundField {
  readonly path: string
  readonly node: Node
  /** Bytes from the start of the record. */
  readonly offset: number
  /** The field's first null bit, counted from the bitmap's first. */
  readonly bit: number
  /** The objects around it that may be null, outermost first. */
  readonly guards: readonly Omit<FoundField, 'guards'>[]
}

/** Every field reachable by a dotted path, objects before their members. */
export function findFields(root: ObjectNode): readonly FoundField[] {
  const found: FoundField[] = []
  const visit = (
    object: ObjectNode,
    prefix: string,
    offset: number,
    bit: number,
    guards: FoundField['guards'],
  ): void => {
    for (const { name, node } of object.members) {
      const here = { path: prefix + name, node, offset: offset + node.offset, bit: bit + node.bit, guards }
      found.push(here)
      if (node.type !== 'object') continue
      const inner = ownBits(node) > 0 ? [...guards, here] : guards
      visit(node, `${here.path}.`, here.offset, here.bit, inner)
    }
  }
  visit(root, '', 0, 0, [])
  return found
}

/** The list that `layout.fields` holds. */
export function listFields(root: ObjectNode, bitmap: object | null): readonly FieldInfo[] {
  return findFields(root).map(({ path, node, offset, bit }) => ({
    path,
    type: node.type,
    offset,
    size: node.size,
    width: node.width,
    endian: hasByteOrder(node) ? node.endian : null,
    nullable: node.nullable,
    optional: node.optional,
    nullBit: bitmap !== null && ownBits(node) > 0 ? bit : null,
    ...detailsOf(node),
  }))
}

function detailsOf(node: Node): Partial<FieldInfo> {
  switch (node.type) {
    case 'bytes':
      return { length: node.length }
    case 'f16':
    case 'f32':
    case 'f64':
      return { nonFinite: node.nonFinite }
    case 'enum':
      return { values: node.values, codes: node.codes, ...lenience(node) }
    case 'boolean':
    case 'dosdatetime':
    case 'dosdate':
      return lenience(node)
    case 'object':
      return {}
    case 'union':
      return { parameters: { tag: node.tag } }
    case 'array':
      return { length: node.length, element: node.element.type }
    case 'tuple':
      return { length: node.items.length }
    default: {
      if (isText(node)) return { length: node.length, padding: node.padding }
      const parameters = parametersOf(node)
      return Object.keys(parameters).length === 0 ? {} : { parameters }
    }
  }
}

function lenience({ lenient }: { readonly lenient: boolean }): Partial<FieldInfo> {
  return lenient ? { lenient } : {}
}

/** @returns the error for a name that no field has, naming the nearest one */
export function unknownField(name: unknown, names: readonly string[]): RangeError {
  const near = nearestName(String(name), names)
  const hint = near === undefined ? `known are ${names.slice(0, 20).join(', ')}` : `did you mean '${near}'?`
  return new RangeError(`there is no field '${String(name)}': ${hint}`)
}
