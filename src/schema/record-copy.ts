/**
 * How is a record copied, reading every value exactly once?
 *
 *   TK1  the order of reading is fixed: the tag of a union first, then members as declared, each of them completely before the next;
 *        then the keys of the object. The compiled codec reads in the same order, so that getters and proxies see no difference.
 *   TK2  a value is read once, the length of a list before its elements. A default is made once, if its value is missing.
 *   TK3  dates, bytes, lists and objects are copied, so that nothing in the copy belongs to the caller.
 * Why a value does not fit: fit.ts.
 */

import type { Issue } from '../errors.ts'
import { byteCount, dateMs, isDate } from '../runtime/realms.ts'
import { inside, isRecord, misfit, reasonAgainst, unknownKey, wrongLength } from './fit.ts'
import { type ArrayNode, isTime, type Node, type ObjectNode, type TupleNode, type UnionNode } from './kinds.ts'
import { variantOf } from './unions.ts'

/** A copy of a value, and the reasons why it cannot be stored. */
export interface Taken {
  /** The copy. In place of a value that does not fit, the value itself or a part of it may be here. */
  readonly value: unknown
  readonly issues: readonly Issue[] | null
}

/** Copies a value. With `forZod` also keys without a field are copied. */
export function take(node: Node, value: unknown, forZod: boolean): Taken {
  const taking = new Taking(forZod)
  return { value: taking.take(node, value), issues: taking.issues }
}

/** A copy of a patch. */
export interface TakenChange extends Taken {
  readonly value: Readonly<Record<string, unknown>>
}

/** Copies the fields that a patch names. */
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

/** Whether a list has the right length. Missing values at the end of a tuple may have defaults, as in Zod. */
export function isLengthRight(node: TupleNode | ArrayNode, length: unknown): boolean {
  if (node.type === 'array') return length === node.length
  const isShort = typeof length === 'number' && length >= 0 && length < node.items.length
  return length === node.items.length || (isShort && hasDefaults(node))
}

/** Names that every object has from Object.prototype. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/** Whether a field of this name must be an own property of a record. */
export function isInherited(name: string): boolean {
  return INHERITED.has(name)
}

/** The value of a key. A field that has the name of a property of Object.prototype must not read that property. */
export function memberValue(record: object, name: string): unknown {
  if (isInherited(name) && !Object.hasOwn(record, name)) return undefined
  return (record as Record<string, unknown>)[name]
}

/** Sets an own property with any name, also `__proto__`, to which an assignment would change the prototype. */
export function setOwn(record: object, key: string, value: unknown): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Sets an own property, even if Object.prototype has a setter or a read-only property of this name. */
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

  /** Reads the tag first. It decides which other members are read. */
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

/** A copy of a Date; any other value unchanged. */
export function dateOf(value: unknown): unknown {
  return isDate(value) ? new Date(dateMs(value)) : value
}

/** Some elements of a list with a wrong length: enough to show that it is wrong. A proxy may have any length. */
export function firstOf(list: readonly unknown[], length: unknown, places: number): unknown[] {
  const count = typeof length === 'number' ? Math.min(length, places + 1) : 0
  return Array.from({ length: count }, (_, i) => list[i])
}

/** A copy of bytes; if there are too many, only as many as show that. */
export function bytesOf(value: unknown, length: number): unknown {
  const count = byteCount(value)
  if (count < 0) return value
  // Detached bytes have a count of 0 and cannot be copied.
  if (count === 0 || count > length) return new Uint8Array(Math.min(count, length + 1))
  return new Uint8Array(value as Uint8Array)
}
