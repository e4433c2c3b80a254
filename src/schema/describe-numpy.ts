/**
 * How is a layout described for numpy? As a dtype with explicit offsets, in Python source.
 *
 * Text is 'S', bytes are 'V'. Times and decimals are their stored integers, booleans and enums their codes, and each bit field is its
 * whole integer. Null bits are a byte array named null_bits. A type that numpy lacks is 'V'. numpy strips trailing NULs from 'S'.
 */

import {
  isMeant,
  isNumber,
  isText,
  type MeantNode,
  type Node,
  NUMBERS,
  type ObjectNode,
  type TextNode,
} from './kinds.ts'
import type { Layout } from './layout.ts'

export function numpyDtype(layout: Layout): string {
  const { root, bitmap } = layout
  const extra =
    bitmap === null
      ? []
      : [{ name: freeName('null_bits', root), format: `'V${bitmap.size}'`, offset: bitmap.offset }]
  return `np.dtype(${objectDtype(root, layout.recordSize, extra)})`
}

interface Entry {
  readonly name: string
  readonly format: string
  readonly offset: number
}

function objectDtype(node: ObjectNode, size: number, extra: readonly Entry[] = []): string {
  const members = node.members.map(m => ({ name: m.name, format: dtype(m.node), offset: m.node.offset }))
  return structDtype([...members, ...extra], size)
}

function structDtype(entries: readonly Entry[], size: number): string {
  const names = entries.map(entry => JSON.stringify(entry.name)).join(', ')
  const formats = entries.map(entry => entry.format).join(', ')
  const offsets = entries.map(entry => entry.offset).join(', ')
  return `{'names': [${names}], 'formats': [${formats}], 'offsets': [${offsets}], 'itemsize': ${size}}`
}

function dtype(node: Node): string {
  const order = node.endian === 'big' ? '>' : '<'
  // numpy has no integers of three and six bytes.
  if (isNumber(node) && node.size % 3 === 0) return `'V${node.size}'`
  if (isNumber(node))
    return `'${order}${NUMBERS[node.type].integer && node.type !== 'safeint' ? integerCode(node.type) : floatCode(node.size)}'`
  if (isText(node)) return plainText(node) ? `'S${node.length}'` : `'V${node.length}'`
  if (isMeant(node)) return meantDtype(node, order)
  switch (node.type) {
    case 'u64':
      return `'${order}u8'`
    case 'i64':
    case 'date':
      return `'${order}i8'`
    case 'boolean':
      return node.size === 1 ? "'?'" : `'${order}u${node.size}'`
    case 'enum':
      return `'${order}u${node.size}'`
    case 'bytes':
      return `'V${node.length}'`
    case 'object':
      return objectDtype(node, node.size)
    case 'tuple':
      return structDtype(
        node.items.map((item, i) => ({ name: `_${i}`, format: dtype(item), offset: item.offset })),
        node.size,
      )
    case 'array': {
      const { element } = node
      // A widened element needs a struct of its own to carry the stride.
      const wide = element.width > element.size
      const inner = wide
        ? structDtype([{ name: 'value', format: dtype(element), offset: 0 }], element.width)
        : dtype(element)
      return `(${inner}, (${node.length},))`
    }
    default:
      return `'V${node.size}'`
  }
}

/** Stored integers as integers, digits as text, everything else as bytes. */
function meantDtype(node: MeantNode, order: string): string {
  switch (node.type) {
    case 'decimal':
    case 'unix':
      return node.size % 3 === 0 ? `'V${node.size}'` : `'${order}${integerCode(node.of)}'`
    case 'filetime':
      return `'${order}u8'`
    case 'bits':
    case 'dosdate':
      return `'${order}u${node.size}'`
    case 'numbertext':
      return `'S${node.length}'`
    default:
      return `'V${node.size}'`
  }
}

/** Whether numpy reads the right text. Its text ends before trailing NULs. */
function plainText({ padding, type }: TextNode): boolean {
  return padding !== 'length' && type !== 'utf16le' && type !== 'utf16be'
}

function integerCode(type: string): string {
  return `${type[0]}${Number(type.slice(1)) / 8}`
}

function floatCode(size: number): string {
  return `f${size}`
}

function freeName(name: string, root: ObjectNode): string {
  return root.members.some(member => member.name === name) ? freeName(`${name}_`, root) : name
}
