/**
 * Which values does a record hold? A copy of it, for which every value was read exactly once.
 *
 *   TK1  the order of reading is fixed: the tag of a union, members as declared, each to its end before the next; then the keys of
 *        their object.
 *        The compiled codec reads in the same order, so that getters and proxies cannot tell the two apart.
 *   TK2  a value is read once, a list's length before its elements, and a default made once, where its value is missing.
 *   TK3  nothing of the copy belongs to the caller: dates, bytes, lists and objects are copies.
 * Why a value does not fit: fit.ts.
 */

import type { Issue } from '../errors.ts'
import { byteCount, dateMs, isDate } from '../runtime/realms.ts'
import { inside, isRecord, misfit, reasonAgainst, unknownKey, wrongLength } from './fit.ts'
import { type ArrayNode, isTime, type Node, type ObjectNode, type TupleNode, type UnionNode } from './kinds.ts'
import { variantOf } from './unions.ts'

/** A copy of a value, and what speaks against storing it. */
export interface Taken {
  /** Where an issue says that a value does not fit, the value itself may stand here, or a part of it. */
  readonly value: unknown
  readonly issues: readonly Issue[] | null
}

/** Reads a value. `forZod` copies the keys, too, for which there is no field. */
export function take(node: Node, value: unknown, forZod: boolean): Taken {
  const taking = new Taking(forZod)
  return { value: taking.take(node, value), issues: taking.issues }
}

/** A copy of a patch. */
export interface TakenChange extends Taken {
  readonly value: Readonly<Record<string, unknown>>
}

/** Reads the fields that a patch names. */
export function takeChange(
  root: ObjectNode,
  change: Readonly<Record<string, unknown>>,
  forZod: boolean,
): TakenChange {
  const value: Record<string, unknown> = {}
  let issues: Issue[] | null = null
  for (const key in change) {
    const node = root.members.find(member => member.name === key)?.node
    if (node === undefined) {
      if (!root.loose) issues = unknownKey(issues, [], key)
      if (forZod) setOwn(value, key, root.loose ? change[key] : undefined)
    } else {
      const taken = take(node, change[key], forZod)
      setMember(value, key, taken.value)
      if (taken.issues !== null) issues = inside(issues, [key], taken.issues)
    }
  }
  return { value, issues }
}

/** Whether the node, or one inside it, has a default. */
export function hasDefaults(node: Node): boolean {
  if (node.fallback !== null) return true
  if (node.type === 'object') return node.members.some(member => hasDefaults(member.node))
  if (node.type === 'tuple') return node.items.some(hasDefaults)
  if (node.type === 'union') return node.variants.some(hasDefaults)
  return node.type === 'array' && hasDefaults(node.element)
}

/** Whether a list of this length has an element for each place; what a tuple lacks at its end may be defaults, as in Zod. */
export function isLengthRight(node: TupleNode | ArrayNode, length: unknown): boolean {
  if (node.type === 'array') return length === node.length
  const isShort = typeof length === 'number' && length >= 0 && length < node.items.length
  return length === node.items.length || (isShort && hasDefaults(node))
}

/** Names that every object has from Object.prototype. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/** Whether a field of this name has to be a record's own. */
export function isInherited(name: string): boolean {
  return INHERITED.has(name)
}

/** The value of a key; a field that is named like something on Object.prototype must not find that. */
export function memberValue(record: object, name: string): unknown {
  if (isInherited(name) && !Object.hasOwn(record, name)) return undefined
  return (record as Record<string, unknown>)[name]
}

/** Gives an object a key as its own, whatever the key is called: `__proto__` in an assignment would be something else. */
export function setOwn(record: object, key: string, value: unknown): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Gives an object a field, whatever Object.prototype has under its name: a setter, or what may not be assigned to. */
export function setMember(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name in Object.prototype) setOwn(record, name, value)
  else record[name] = value
}

const HERE: readonly PropertyKey[] = []

class Taking {
  issues: Issue[] | null = null
  readonly #forZod: boolean

  constructor(forZod: boolean) {
    this.#forZod = forZod
  }

  take(node: Node, given: unknown): unknown {
    const value = given === undefined && node.fallback !== null ? node.fallback() : given
    if (value === null && node.nullable) return null
    if (value === undefined && node.optional) return undefined
    if (value === undefined || reasonAgainst(node, value) !== null) {
      this.issues = misfit(this.issues, { node, path: HERE }, value)
    }
    switch (node.type) {
      case 'object':
        return isRecord(value) ? this.#object(node, value) : value
      case 'union':
        return isRecord(value) ? this.#union(node, value) : value
      case 'tuple':
      case 'array':
        return Array.isArray(value) ? this.#list(node, value) : value
      case 'bytes':
        return bytesOf(value, node.length)
      default:
        return isTime(node) ? dateOf(value) : value
    }
  }

  /** The tag is read first, and tells which other members are read. */
  #union(node: UnionNode, record: object): object {
    const { tag, tagNode } = node
    const value = memberValue(record, tag)
    const variant = variantOf(node, value)
    if (variant !== undefined) return this.#object(variant, record, { name: tag, value })
    return { [tag]: this.#inside(tag, tagNode, value) }
  }

  /** @param known a member that was read already */
  #object(
    node: ObjectNode,
    record: object,
    known?: { readonly name: string; readonly value: unknown },
  ): object {
    const copy: Record<string, unknown> = {}
    for (const { name, node: child } of node.members) {
      const value = name === known?.name ? known.value : memberValue(record, name)
      setMember(copy, name, this.#inside(name, child, value))
    }
    if (node.loose && !this.#forZod) return copy
    for (const key in record) {
      if (node.members.some(member => member.name === key)) continue
      if (!node.loose) this.issues = unknownKey(this.issues, HERE, key)
      if (this.#forZod) setOwn(copy, key, node.loose ? (record as Record<string, unknown>)[key] : undefined)
    }
    return copy
  }

  #list(node: TupleNode | ArrayNode, list: readonly unknown[]): unknown[] {
    const { length } = list
    const places = node.type === 'array' ? node.length : node.items.length
    if (!isLengthRight(node, length)) {
      this.issues = wrongLength(this.issues, { node, path: HERE }, length)
      return this.#forZod ? firstOf(list, length, places) : []
    }
    const copy: unknown[] = []
    for (let i = 0; i < places; i++) {
      const item = node.type === 'array' ? node.element : (node.items[i] as Node)
      copy.push(this.#inside(i, item, list[i]))
    }
    return copy
  }

  #inside(key: PropertyKey, node: Node, value: unknown): unknown {
    const outer = this.issues
    this.issues = null
    const taken = this.take(node, value)
    this.issues = this.issues === null ? outer : inside(outer, [key], this.issues)
    return taken
  }
}

/** A copy of what is a Date; everything else as it is. */
export function dateOf(value: unknown): unknown {
  return isDate(value) ? new Date(dateMs(value)) : value
}

/** The elements of a list of a wrong length, no more than it takes to see that. A proxy may have any length. */
export function firstOf(list: readonly unknown[], length: unknown, places: number): unknown[] {
  const count = typeof length === 'number' ? Math.min(length, places + 1) : 0
  return Array.from({ length: count }, (_, i) => list[i])
}

/** A copy of what is bytes; of too many no more than it takes to see that. */
export function bytesOf(value: unknown, length: number): unknown {
  const count = byteCount(value)
  if (count < 0) return value
  // Detached bytes, whose count is 0, refuse to be copied.
  if (count === 0 || count > length) return new Uint8Array(Math.min(count, length + 1))
  return new Uint8Array(value as Uint8Array)
}
