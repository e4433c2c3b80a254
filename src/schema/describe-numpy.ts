/**
 * What does numpy call a layout? A dtype with explicit offsets, as Python source.
 *
 * Text is 'S', bytes 'V', dates int64 milliseconds, booleans and enums their codes, null bits a byte array
 * named null_bits. numpy strips trailing NULs from 'S' itself.
 */

import { isNumber, isText, type Node, NUMBERS, type ObjectNode } from './kinds.ts'
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
  if (isNumber(node))
    return `'${order}${NUMBERS[node.type].integer && node.type !== 'safeint' ? integerCode(node.type) : floatCode(node.size)}'`
  if (isText(node)) return `'S${node.length}'`
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
      return "'V0'"
  }
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
