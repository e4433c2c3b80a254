/**
 * Which schema has this layout? A Zod object is rebuilt from the layout alone.
 *
 *   SO1  layoutOf(schemaOf(layout), { recordSize: layout.recordSize }) has the layout's fingerprint.
 * A layout contains no TypeScript types, defaults or refinements, so these are lost.
 */

import { z } from 'zod'
import {
  ascii,
  bytes,
  f16,
  f32,
  f64,
  field,
  i8,
  i16,
  i24,
  i48,
  latin1,
  u8,
  u16,
  u24,
  u48,
  utf8,
  utf16be,
  utf16le,
} from './field-schemas.ts'
import { meantSchema } from './foreign-schemas.ts'
import { hasByteOrder, isLenient, type MeantKind, type MeantNode, type Node, type ObjectNode } from './kinds.ts'
import type { Layout } from './layout.ts'
import type { FieldPlacement, WideTextOptions } from './options.ts'

/** A Zod object with exactly this layout, each field's place fixed. */
export function schemaOf(layout: Layout): z.ZodObject<Record<string, z.ZodType>> {
  return objectOf(layout.root)
}

function objectOf(node: ObjectNode): z.ZodObject<Record<string, z.ZodType>> {
  return z.object(Object.fromEntries(node.members.map(({ name, node: child }) => [name, placed(child)])))
}

function placed(node: Node, isElement = false): z.ZodType {
  const bare = bareSchema(node)
  const nullable = node.nullable ? bare.nullable() : bare
  const schema = node.optional ? nullable.optional() : nullable
  const placement: FieldPlacement = {
    width: node.width,
    ...(isElement ? {} : { offset: node.offset }),
    ...(hasByteOrder(node) ? { endian: node.endian } : {}),
    ...(node.type === 'enum' ? { codes: node.codes } : {}),
    ...(isLenient(node) ? { lenient: true } : {}),
  }
  return field(schema, placement)
}

function bareSchema(node: Node): z.ZodType {
  switch (node.type) {
    case 'u8':
      return u8()
    case 'i8':
      return i8()
    case 'u16':
      return u16()
    case 'i16':
      return i16()
    case 'u24':
      return u24()
    case 'i24':
      return i24()
    case 'u48':
      return u48()
    case 'i48':
      return i48()
    case 'u32':
      return z.uint32()
    case 'i32':
      return z.int32()
    case 'safeint':
      return z.int()
    case 'f16':
      return f16({ nonFinite: node.nonFinite })
    case 'f32':
      return f32({ nonFinite: node.nonFinite })
    case 'f64':
      return f64({ nonFinite: node.nonFinite })
    case 'u64':
      return z.uint64()
    case 'i64':
      return z.int64()
    case 'boolean':
      return z.boolean()
    case 'date':
      return z.date()
    case 'enum':
      return z.literal([...node.values])
    case 'ascii':
      return ascii(node.length, { padding: node.padding })
    case 'latin1':
      return latin1(node.length, { padding: node.padding })
    case 'utf8':
      return utf8(node.length, { padding: node.padding })
    case 'utf16le':
      return utf16le(node.length, { padding: node.padding } as WideTextOptions)
    case 'utf16be':
      return utf16be(node.length, { padding: node.padding } as WideTextOptions)
    case 'bytes':
      return bytes(node.length)
    case 'object':
      return objectOf(node)
    case 'tuple': {
      const [first, ...rest] = node.items.map(item => placed(item)) as [z.ZodType, ...z.ZodType[]]
      return z.tuple([first, ...rest])
    }
    case 'array':
      return z.array(placed(node.element, true)).length(node.length)
    case 'union': {
      const [first, ...rest] = node.variants.map(variant => placed(variant, true) as z.ZodObject)
      return z.discriminatedUnion(node.tag, [first as z.ZodObject, ...rest])
    }
    default:
      return meantSchema(kindOf(node))
  }
}

/** The kind of a node without its place. */
function kindOf(node: MeantNode): MeantKind {
  const { nullable, optional, fallback, offset, size, width, alignment, endian, bit, bits, ...kind } = node
  return kind as MeantKind
}
