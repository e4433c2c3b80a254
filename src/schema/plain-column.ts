/**
 * How is one field of many records read without generated code? The reference of compiled-column.ts, and the column where code
 * generation is forbidden.
 */

import { dateMs, isDate } from '../runtime/realms.ts'
import {
  type Column,
  type ColumnArray,
  columnClass,
  columnShape,
  type ElementArray,
  isFlattened,
} from './column.ts'
import type { FoundField } from './fields.ts'
import type { Node } from './kinds.ts'
import type { Layout } from './layout.ts'
import { missingElement } from './missing-element.ts'
import { imageAt, plainField } from './plain-codec.ts'

/** The reference column. */
export function plainColumn(layout: Layout, field: FoundField): Column {
  const shape = columnShape(field)
  const { array, width } = shape
  const readInto = (view: DataView, bytes: Buffer, at: number, out: ColumnArray, index: number): void => {
    const value = plainField(field, imageAt(layout, view, bytes, at))
    if (width === 1 && !isFlattened(field.node)) {
      ;(out as unknown[])[index] = elementOf(value, array)
      return
    }
    // If an object around a flattened field is null, there is one element: null.
    const elements: unknown[] = field.guards.length > 0 ? [value] : flatten(field.node, value, [])
    for (let i = 0; i < width; i++) (out as unknown[])[index + i] = elementOf(elements[i], array)
  }
  return {
    width,
    missing: value => missingElement(field, shape, value),
    allocate: length => new (columnClass(array))(length * width),
    span(view, bytes, at, count, out, outIndex) {
      for (let i = 0; i < count; i++)
        readInto(view, bytes, at + i * layout.recordSize, out, outIndex + i * width)
    },
    run(view, bytes, base, first, count, numbers, i, end, out) {
      for (let n = i; n < end; n++) {
        const ahead = (numbers[n] as number) - first
        if (!(ahead >= 0 && ahead < count && Number.isInteger(ahead))) return n
        readInto(view, bytes, base + ahead * layout.recordSize, out, n * width)
      }
      return end
    },
  }
}

function flatten(node: Node, value: unknown, out: unknown[]): unknown[] {
  if (!isFlattened(node)) out.push(value)
  else if (node.type === 'tuple')
    for (const [i, item] of node.items.entries()) flatten(item, (value as unknown[])[i], out)
  else if (node.type === 'array') for (const item of value as unknown[]) flatten(node.element, item, out)
  return out
}

function elementOf(value: unknown, array: ElementArray): unknown {
  if (array === 'Array') return value
  if (isDate(value)) return dateMs(value)
  return typeof value === 'boolean' ? Number(value) : value
}
