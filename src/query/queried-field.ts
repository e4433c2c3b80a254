/**
 * Which fields can a query name, and as what are their values compared?
 *
 *   FQ1  a path names a field, or an element of a tuple or an array: 'price', 'address.city', 'levels.3.price'.
 *   FQ2  values are compared as the keys of ordered indexes are (docs/keys.md): enums by their codes, texts by code points, times by
 *        milliseconds. A null equals only null.
 */

import { nearestName } from '../options/option-names.ts'
import {
  type FoundField,
  findFields,
  isMeant,
  isNumber,
  isText,
  isTime,
  type Layout,
  type Node,
  ownBits,
} from '../schema/index.ts'
import { queryError } from './query-error.ts'

/** As what a field's values are compared: times as milliseconds, enums and booleans as codes. 'none' is only null or not. */
export type ComparedAs = 'number' | 'bigint' | 'time' | 'code' | 'text' | 'string' | 'bytes' | 'none'

/** A field that a query names. */
export interface QueriedField extends FoundField {
  readonly as: ComparedAs
  /** The path of the named field around it, and the positions in tuples and arrays below that one. */
  readonly base: string
  readonly inner: readonly (number | string)[]
}

/** The fields of a layout, by the paths that queries use. */
export class QueriedFields {
  readonly layout: Layout
  readonly #known = new Map<string, QueriedField>()
  readonly #names: readonly string[]

  constructor(layout: Layout) {
    this.layout = layout
    for (const found of findFields(layout.root)) {
      this.#known.set(found.path, { ...found, as: comparedAs(found.node), base: found.path, inner: [] })
    }
    this.#names = [...this.#known.keys()]
  }

  /** @throws ERR_STRIDE_QUERY naming the nearest field */
  find(path: unknown): QueriedField {
    if (typeof path !== 'string') throw queryError(`a query names fields by text, not by ${typeof path}`)
    let field = this.#known.get(path)
    if (field === undefined) {
      field = this.#element(path)
      this.#known.set(path, field)
    }
    return field
  }

  /** The fields inside an object, by their names. */
  members(field: QueriedField): ReadonlyMap<string, string> {
    if (field.node.type !== 'object') return new Map()
    return new Map(field.node.members.map(({ name }) => [name, `${field.path}.${name}`]))
  }

  /** The elements of a tuple or an array. */
  elements({ path, node }: QueriedField): QueriedField[] {
    const count = node.type === 'tuple' ? node.items.length : node.type === 'array' ? node.length : 0
    return Array.from({ length: count }, (_, i) => this.find(`${path}.${i}`))
  }

  #element(path: string): QueriedField {
    const dot = path.lastIndexOf('.')
    if (dot < 0) throw this.#unknown(path)
    const outer = this.find(path.slice(0, dot))
    const step = path.slice(dot + 1)
    const { node } = outer
    const guards = ownBits(node) > 0 ? [...outer.guards, outer] : outer.guards
    const place = (child: Node, offset: number, bit: number, key: number | string): QueriedField => ({
      path,
      node: child,
      offset: outer.offset + offset,
      bit: outer.bit + bit,
      guards,
      as: comparedAs(child),
      base: outer.base,
      inner: [...outer.inner, key],
    })
    const i = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : -1
    if (node.type === 'array' && i >= 0 && i < node.length) {
      const { element } = node
      return place(element, i * element.width, ownBits(node) + i * element.bits, i)
    }
    const item = node.type === 'tuple' ? node.items[i] : undefined
    if (item !== undefined) return place(item, item.offset, item.bit, i)
    // An object inside an array: its members have no paths of their own.
    const member = node.type === 'object' ? node.members.find(({ name }) => name === step) : undefined
    if (member !== undefined) return place(member.node, member.node.offset, member.node.bit, step)
    throw this.#unknown(path)
  }

  #unknown(path: string): Error {
    const near = nearestName(path, this.#names)
    const hint =
      near === undefined ? `known are ${this.#names.slice(0, 20).join(', ')}` : `did you mean '${near}'?`
    return queryError(`there is no field '${path}': ${hint}`, path)
  }
}

const fieldsOf = new WeakMap<Layout['root'], QueriedFields>()

/** The fields of a layout, made once. */
export function queriedFields(layout: Layout): QueriedFields {
  let fields = fieldsOf.get(layout.root)
  if (fields === undefined) fieldsOf.set(layout.root, (fields = new QueriedFields(layout)))
  return fields
}

/** Whether the field may be null or absent, or an object around it. */
export function canBeNull({ node, guards }: QueriedField): boolean {
  return guards.length > 0 || ownBits(node) > 0
}

function comparedAs(node: Node): ComparedAs {
  if (isNumber(node)) return 'number'
  if (isText(node)) return 'text'
  if (isTime(node)) return 'time'
  if (isMeant(node)) return node.type === 'uuid' || node.type === 'guid' ? 'string' : 'number'
  switch (node.type) {
    case 'u64':
    case 'i64':
      return 'bigint'
    case 'boolean':
    case 'enum':
      return 'code'
    case 'bytes':
      return 'bytes'
    default:
      return 'none'
  }
}
