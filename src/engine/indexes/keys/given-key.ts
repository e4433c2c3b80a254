/**
 * Which key did a caller give? Its values, read once and copied.
 *
 * Reading an object or an array may run the caller's code: a getter, a proxy. That code may ask the same index, stage records, or
 * close the store.
 *   KV1  a key is read whole before anything is encoded or looked up, each getter once.
 *   KV2  the values are copies: primitives, dates and bytes. Later changes of the caller's object are not seen.
 *   KV3  null and undefined are keys of fields that can hold them, and are refused for every other field.
 *   KV4  dates, byte arrays and arrays of another realm are accepted like those of this one.
 * Encoding the values as the bytes of a key: key-codec.ts.
 */

import { shown } from '../../../options/shown-value.ts'
import { isTime, memberValue, type Node, type ObjectNode } from '../../../schema/index.ts'
import { bytesOf, dateOf, holdsNaN, named, WrongKind } from './key-leaf.ts'
import {
  canBeAbsent,
  canBeNull,
  type KeyField,
  type KeyPlan,
  type LeafStep,
  type PresenceStep,
} from './key-plan.ts'

/** Values of the byte of a presence step. */
export const ABSENT = 0
export const NULL = 1
export const THERE = 2

export class GivenKey {
  readonly plan: KeyPlan
  /** One part for each step of the plan that has a value: ABSENT, NULL or THERE, or the value of a leaf. */
  readonly parts: readonly unknown[]
  /** How many fields of the index have a value. */
  readonly fieldCount: number
  /** The caller's value, to be read again for a plan of another layout. */
  private readonly source: unknown
  private readonly isBound: boolean

  private constructor(plan: KeyPlan, source: unknown, isBound: boolean) {
    const { fields } = plan
    const count = fields.length === 1 ? 1 : isBound ? boundLength(fields, source) : keyLength(fields, source)
    const isList = fields.length > 1 && Array.isArray(source)
    const parts: unknown[] = []
    for (let i = 0; i < count; i++) {
      const { path, node, isOptional } = fields[i] as KeyField
      try {
        readNode(plan, node, isList ? source[i] : source, isOptional, parts)
      } catch (error) {
        throw named(error, path)
      }
    }
    if (isBound) refuseNaN(plan, parts)
    this.plan = plan
    this.parts = parts
    this.fieldCount = count
    this.source = source
    this.isBound = isBound
  }

  /** A whole key: the field's value, or an array of the fields' values. @throws TypeError for a value of another kind */
  static of(plan: KeyPlan, value: unknown): GivenKey {
    return value instanceof GivenKey ? value.#for(plan) : new GivenKey(plan, value, false)
  }

  /** A bound of a range: a whole key, or the values of the first fields. @throws TypeError */
  static bound(plan: KeyPlan, value: unknown): GivenKey {
    return value instanceof GivenKey ? value.#for(plan) : new GivenKey(plan, value, true)
  }

  /** The last value, if it is a single leaf; otherwise undefined. */
  get lastLeaf(): { readonly step: LeafStep; readonly value: unknown } | undefined {
    const { fields, steps } = this.plan
    const { node, firstStep, isOptional } = fields[this.fieldCount - 1] as KeyField
    const i = isOptional ? firstStep + 1 : firstStep
    const step = steps[i]
    if (step?.kind !== 'leaf' || step.node !== node || this.parts.length !== i + 1) return undefined
    return { step, value: this.parts[i] }
  }

  /** The same key for another plan. It is read again only if the plan has other fields. */
  #for(plan: KeyPlan): GivenKey {
    if (plan === this.plan || plan.form === this.plan.form) return this
    return new GivenKey(plan, this.source, this.isBound)
  }
}

/** The count of values of a key of several fields. */
function keyLength(fields: readonly KeyField[], source: unknown): number {
  if (!Array.isArray(source)) {
    throw new TypeError(`A key of this index is an array of ${fields.length} values: ${shown(source)}`)
  }
  const { length } = source
  if (length === fields.length) return length
  throw new TypeError(`A key of this index has ${fields.length} values: ${length}`)
}

/** The count of values of a bound, which may have fewer. A bound that is no array is a value of the first field. */
function boundLength(fields: readonly KeyField[], source: unknown): number {
  if (!Array.isArray(source)) return 1
  const { length } = source
  if (length >= 1 && length <= fields.length) return length
  throw new TypeError(`A bound of this index has 1 to ${fields.length} values: ${length}`)
}

/** Reads the value of a node and appends its parts. */
function readNode(plan: KeyPlan, node: Node, value: unknown, hasPresence: boolean, parts: unknown[]): void {
  if (hasPresence) {
    const step = plan.steps[parts.length] as PresenceStep
    const presence = presenceOf(step, value)
    parts.push(presence)
    if (presence !== THERE) {
      for (let i = 0; i < step.inner; i++) parts.push(undefined)
      return
    }
  }
  switch (node.type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new WrongKind('an object', value)
      }
      for (const { name, node: child } of node.members) readInner(plan, child, memberValue(value, name), parts)
      if (!node.loose) refuseOthers(node, value)
      return
    }
    case 'tuple':
    case 'array': {
      const length = node.type === 'tuple' ? node.items.length : node.length
      if (!Array.isArray(value) || value.length !== length) {
        throw new WrongKind(`an array of ${length} values`, value)
      }
      for (let i = 0; i < length; i++) {
        readInner(plan, node.type === 'tuple' ? (node.items[i] as Node) : node.element, value[i], parts)
      }
      return
    }
    case 'bytes':
      parts.push(bytesOf(value, node.length))
      return
    default:
      parts.push(isTime(node) ? dateOf(value) : value)
  }
}

/** Refuses unknown members: one is likely misspelt, and the right member would silently be absent. */
function refuseOthers(node: ObjectNode, value: object): void {
  for (const key in value) {
    if (!node.members.some(({ name }) => name === key)) throw new WrongKind(`an object without '${key}'`, value)
  }
}

function readInner(plan: KeyPlan, node: Node, value: unknown, parts: unknown[]): void {
  readNode(plan, node, value, node.nullable || node.optional, parts)
}

function presenceOf(step: PresenceStep, value: unknown): number {
  if (value === undefined && canBeAbsent(step)) return ABSENT
  return value === null && canBeNull(step) ? NULL : THERE
}

/** Refuses NaN for a field that cannot hold it. NaN is above all numbers, so the bound would mean "all" or "nothing". */
function refuseNaN({ steps }: KeyPlan, parts: readonly unknown[]): void {
  for (const [i, part] of parts.entries()) {
    const step = steps[i] as LeafStep | PresenceStep
    if (Number.isNaN(part) && step.kind === 'leaf' && !holdsNaN(step.node)) {
      throw new TypeError(`The field '${step.path}' of a bound takes a number: NaN`)
    }
  }
}
