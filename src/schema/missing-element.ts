/**
 * Which element may a column have for an absent record? A value that the field could hold.
 *
 *   MV1  nothing is converted to make it fit: -1 in a column of u32 is refused, where a typed array would make it 4294967295.
 *   MV2  a column of floats, decimals or dates accepts NaN, and one of dates milliseconds; a column of booleans accepts 0 and 1.
 *   MV3  an object is a fresh one for each absent record, as it is for each record that is read.
 */

import { dateMs, isDate } from '../runtime/realms.ts'
import type { ColumnShape } from './column.ts'
import type { FoundField } from './fields.ts'
import { DATE_MS_MAX, isNumber, isTime, type Node, NUMBERS, ownBits } from './kinds.ts'
import { take } from './record-copy.ts'

/** @returns a function that gives the element for each absent record @throws TypeError, RangeError */
export function missingElement(
  field: FoundField,
  { array, leaves }: ColumnShape,
  value: unknown,
): () => unknown {
  const isTyped = array !== 'Array'
  const isNullByGuard = value === null && field.guards.some(({ node }) => node.nullable)
  if (!isNullByGuard) for (const node of leaves) checkLeaf(node, value, field.path, isTyped)
  if (isTyped && (typeof value === 'boolean' || isDate(value))) {
    const element = isDate(value) ? dateMs(value) : Number(value)
    return () => element
  }
  return typeof value === 'object' && value !== null ? () => structuredClone(value) : () => value
}

/** @param isTyped whether the column is a typed array, in which dates and booleans are numbers */
function checkLeaf(node: Node, value: unknown, path: string, isTyped: boolean): void {
  if (isTyped && typeof value === 'number' && ownBits(node) === 0) {
    if (isTime(node) && (Number.isNaN(value) || (Number.isInteger(value) && Math.abs(value) <= DATE_MS_MAX)))
      return
    if (node.type === 'boolean' && (value === 0 || value === 1)) return
    const isFloat = node.type === 'decimal' || (isNumber(node) && !NUMBERS[node.type].integer)
    if (isFloat && !Number.isFinite(value)) return
  }
  const { issues } = take({ ...node, fallback: null }, value, false)
  const issue = issues?.[0]
  if (issue === undefined) return
  const message = `missing cannot stand in the column '${path}': ${issue.message}`
  const isOutOfBounds = issue.code === 'too_small' || issue.code === 'too_big'
  throw isOutOfBounds ? new RangeError(message) : new TypeError(message)
}
