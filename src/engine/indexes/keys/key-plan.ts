/**
 * Which bytes make a key? The plan of an index is a list of steps, each with its place in the record and in the key.
 *
 * All keys of an index have the same length. Fields follow each other in the declared order, members of objects, tuples and arrays in their
 * own order. A field that can be null is preceded by a presence byte; the bytes of a null value are zeros.
 * Encoding a step: key-leaf.ts, key-codec.ts.
 */

import { StrideError } from '../../../errors.ts'
import {
  type FoundField,
  findFields,
  isLenient,
  isTime,
  type Layout,
  type LeafNode,
  type Node,
  unknownField,
} from '../../../schema/index.ts'
import type { ByteSpan } from '../../journal/frame-encode.ts'
import type { IndexDefinition } from './index-definition.ts'
import { keySizeOf } from './key-leaf.ts'

/** The longest key of an ordered index: a page has room for seven of them. */
const ORDERED_KEY_BYTES_MAX = 512
const STEPS_MAX = 256

/** The null bits of a value: their numbers in the record's bitmap, -1 for none. */
export interface PresenceLevel {
  readonly nullBit: number
  readonly absentBit: number
}

interface StepPlace {
  /** Byte position in the key. */
  readonly at: number
  readonly size: number
  /** The levels of earlier presence bytes around this step. If one of their values is missing, this step is zeros. */
  readonly outer: readonly PresenceLevel[]
  /** Dotted path, for errors. */
  readonly path: string
}

/** One byte: 0 absent, 1 null, 2 there. */
export interface PresenceStep extends StepPlace {
  readonly kind: 'presence'
  /** The levels that share this byte, outermost first. */
  readonly levels: readonly PresenceLevel[]
  /** The count of following steps that belong to its value. */
  readonly inner: number
}

export interface LeafStep extends StepPlace {
  readonly kind: 'leaf'
  readonly node: LeafNode
  /** Bytes from the start of the record. */
  readonly offset: number
  /** The code of null in an enum that lists null; -1 for every other leaf. */
  readonly nullCode: number
  /** Whether its presence step can be null, too. Both nulls then have the same key, that of the presence step. */
  readonly sharesNull: boolean
}

export type KeyStep = PresenceStep | LeafStep

/** One of the fields that an index is on. */
export interface KeyField {
  readonly path: string
  readonly node: Node
  /** Whether it can be null or absent, by itself or by an object around it. */
  readonly isOptional: boolean
  /** The byte range of its part of the key. */
  readonly at: number
  readonly end: number
  /** The index of its first step in the plan. */
  readonly firstStep: number
}

export interface KeyPlan {
  readonly fields: readonly KeyField[]
  readonly steps: readonly KeyStep[]
  /** Bytes of a key. */
  readonly bytes: number
  /** Byte position of the null bits in a record. */
  readonly bitmapOffset: number
  /** Equal for plans over the same fields of the same layout. */
  readonly form: string
}

/** The plan of an index. @throws as planKey; ERR_STRIDE_LIMIT for a key that is too long for an ordered one */
export function planIndex(layout: Layout, { name, on, kind }: IndexDefinition): KeyPlan {
  const plan = planKey(layout, on)
  if (kind === 'hash' || plan.bytes <= ORDERED_KEY_BYTES_MAX) return plan
  const message = `A key of an ordered index has at most ${ORDERED_KEY_BYTES_MAX} bytes: '${name}' has ${plan.bytes}`
  throw new StrideError('ERR_STRIDE_LIMIT', message)
}

/**
 * The plan of an index on these fields.
 * @throws RangeError for an unknown field, TypeError for a field named twice; ERR_STRIDE_LIMIT for too many parts
 */
export function planKey(layout: Layout, paths: readonly string[]): KeyPlan {
  const known = new Map(findFields(layout.root).map(field => [field.path, field]))
  const steps: KeyStep[] = []
  const fields: KeyField[] = []
  let at = 0
  for (const [i, path] of paths.entries()) {
    const field = known.get(path)
    if (field === undefined) throw unknownField(path, [...known.keys()])
    if (paths.indexOf(path) !== i) throw new TypeError(`An index names each field once: '${path}'`)
    const firstStep = steps.length
    const end = addField(steps, field, at)
    const first = steps[firstStep]
    // The presence byte may also belong to the first member inside the field.
    const isOptional = first?.kind === 'presence' && first.path === path
    fields.push({ path, node: field.node, isOptional, at, end, firstStep })
    at = end
  }
  if (steps.length > STEPS_MAX) {
    throw new StrideError('ERR_STRIDE_LIMIT', `A key has at most ${STEPS_MAX} parts: ${steps.length}`)
  }
  const form = JSON.stringify([paths, layout.canonical])
  return { fields, steps, bytes: at, bitmapOffset: layout.bitmap?.offset ?? 0, form }
}

/** The bytes of a record that determine its key, including null bits. */
export function spansOf({ steps, bitmapOffset }: KeyPlan): readonly ByteSpan[] {
  const spans: ByteSpan[] = []
  const addBits = (levels: readonly PresenceLevel[]): void => {
    for (const { nullBit, absentBit } of levels) {
      for (const bit of [nullBit, absentBit]) {
        if (bit < 0) continue
        const start = bitmapOffset + (bit >>> 3)
        spans.push({ start, end: start + 1 })
      }
    }
  }
  for (const step of steps) {
    addBits(step.outer)
    if (step.kind === 'presence') addBits(step.levels)
    else spans.push({ start: step.offset, end: step.offset + step.node.width })
  }
  return spans
}

/** Appends the steps of a field. @returns the key position behind it */
function addField(steps: KeyStep[], { path, node, offset, bit, guards }: FoundField, at: number): number {
  const levels = guards.map(guard => levelOf(guard.node, guard.bit))
  return addNode(steps, node, { path, offset, bit, outer: [], levels }, at)
}

interface NodePlace {
  readonly path: string
  readonly offset: number
  readonly bit: number
  readonly outer: readonly PresenceLevel[]
  /** The levels around it that have no presence byte yet; for a value, the levels of its own presence byte. */
  readonly levels: readonly PresenceLevel[]
}

function addNode(steps: KeyStep[], node: Node, place: NodePlace, at: number): number {
  const { path, bit } = place
  const own = node.nullable || node.optional ? [levelOf(node, bit)] : []
  const levels = [...place.levels, ...own]
  if (levels.length === 0) return addValue(steps, node, place, at)
  const { outer } = place
  const presence = { kind: 'presence' as const, at, size: 1, outer, levels, path, inner: 0 }
  const first = steps.push(presence)
  const end = addValue(steps, node, { ...place, outer: [...outer, ...levels], levels }, at + 1)
  presence.inner = steps.length - first
  return end
}

/** Appends the steps of a node's value. */
function addValue(steps: KeyStep[], node: Node, place: NodePlace, at: number): number {
  const { path, offset, bit, outer, levels } = place
  let next = at
  const ownBitCount = (node.nullable ? 1 : 0) + (node.optional ? 1 : 0)
  const inside = (child: Node, name: string, childOffset: number, childBit: number): void => {
    const inner = { path: `${path}.${name}`, offset: childOffset, bit: childBit, outer, levels: [] }
    next = addNode(steps, child, inner, next)
  }
  if (steps.length > STEPS_MAX) return next
  if (node.type === 'object') {
    for (const { name, node: child } of node.members)
      inside(child, name, offset + child.offset, bit + child.bit)
    return next
  }
  if (node.type === 'tuple') {
    for (const [i, child] of node.items.entries())
      inside(child, String(i), offset + child.offset, bit + child.bit)
    return next
  }
  if (node.type === 'array') {
    const { element, length } = node
    for (let i = 0; i < length && steps.length <= STEPS_MAX; i++) {
      inside(element, String(i), offset + i * element.width, bit + ownBitCount + i * element.bits)
    }
    return next
  }
  if (node.type === 'union') throw new TypeError(`An index cannot be on '${path}': a union has no key`)
  if (isTime(node) && isLenient(node))
    throw new TypeError(`An index cannot be on '${path}': a time that may be a code has no key`)
  const size = keySizeOf(node)
  const nullCode = node.type === 'enum' ? (node.codes[node.values.indexOf(null)] ?? -1) : -1
  const sharesNull = nullCode >= 0 && levels.some(({ nullBit }) => nullBit >= 0)
  steps.push({ kind: 'leaf', at: next, size, node, offset, outer, path, nullCode, sharesNull })
  return next + size
}

/** Whether one of the levels of a presence step can be null. `canBeAbsent`: whether one can be absent. */
export function canBeNull({ levels }: PresenceStep): boolean {
  return levels.some(({ nullBit }) => nullBit >= 0)
}
export function canBeAbsent({ levels }: PresenceStep): boolean {
  return levels.some(({ absentBit }) => absentBit >= 0)
}

function levelOf(node: Pick<Node, 'nullable' | 'optional'>, bit: number): PresenceLevel {
  return {
    nullBit: node.nullable ? bit : -1,
    absentBit: node.optional ? bit + (node.nullable ? 1 : 0) : -1,
  }
}
