/**
 * What stands where a value is missing? Defaults, filled in before anything else looks at the record.
 */

import { memberValue } from './fit.ts'
import type { Node } from './kinds.ts'

/** Whether the node, or one inside it, has a default. */
export function hasDefaults(node: Node): boolean {
  if (node.fallback !== null) return true
  if (node.type === 'object') return node.members.some(member => hasDefaults(member.node))
  if (node.type === 'tuple') return node.items.some(hasDefaults)
  return node.type === 'array' && hasDefaults(node.element)
}

/** The value with every default in its place: the value itself where nothing was missing by type. */
export function fillDefaults(node: Node, given: unknown): unknown {
  if (!hasDefaults(node)) return given
  const value = given === undefined && node.fallback !== null ? node.fallback() : given
  if (typeof value !== 'object' || value === null) return value
  if (node.type === 'object' && !Array.isArray(value)) {
    const filled: Record<string, unknown> = {}
    for (const key in value) filled[key] = (value as Record<string, unknown>)[key]
    for (const { name, node: child } of node.members)
      filled[name] = fillDefaults(child, memberValue(value, name))
    return filled
  }
  if (!Array.isArray(value)) return value
  if (node.type === 'array') return Array.from(value, element => fillDefaults(node.element, element))
  if (node.type !== 'tuple') return value
  // A tuple's missing tail may be defaults, as in Zod.
  const length = Math.max(value.length, node.items.length)
  return Array.from({ length }, (_, i) => {
    const item = node.items[i]
    return item === undefined ? value[i] : fillDefaults(item, value[i])
  })
}
