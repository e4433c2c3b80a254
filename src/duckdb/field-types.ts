/**
 * Which type of DuckDB has each field, and how are its values written?
 *
 *   QF1  a column holds exactly what `get` gives. NULL stands for null and undefined, and for the code of a lenient time that is no time.
 *   QF2  members of a non-null object are read as columns of their own; no object is made.
 */

import { StrideError } from '../errors.ts'
import { isFlattened, type Node, type ObjectNode, ownBits } from '../schema/index.ts'
import { type FieldType, leafType } from './leaf-types.ts'
import { ArrayWriter, ListWriter, StructWriter, TupleWriter } from './nested-vectors.ts'
import type { Api, DuckType } from './package.ts'
import type { VectorWriter } from './vectors.ts'

/** A column of the store, and how it is written. */
export interface FieldPart {
  readonly path: string
  /** Whether the column has the elements of tuples or arrays one by one. */
  readonly isFlat: boolean
  readonly writer: VectorWriter
}

/** Where the values of a column of DuckDB come from. */
export type Part = FieldPart | { readonly parts: readonly Part[] }

export interface TableColumn {
  readonly name: string
  readonly type: DuckType
  readonly part: Part
}

/** The columns of a record, one for each of its fields. @throws ERR_STRIDE_LAYOUT */
export function tableColumns(api: Api, root: ObjectNode): readonly TableColumn[] {
  const names = distinctNames(root.members.map(member => member.name))
  return root.members.map(({ name, node }, i) => {
    return { name: names[i] as string, ...columnOf(api, name, node) }
  })
}

function columnOf(api: Api, path: string, node: Node): { readonly type: DuckType; readonly part: Part } {
  if (node.type !== 'object' || ownBits(node) > 0) {
    const { type, writer } = fieldType(api, path, node, false)
    return { type, part: { path, isFlat: isFlattened(node), writer } }
  }
  const names = distinctNames(node.members.map(member => member.name))
  const columns = node.members.map(member => columnOf(api, `${path}.${member.name}`, member.node))
  const type = new api.DuckDBStructType(
    names,
    columns.map(column => column.type),
  )
  return { type, part: { parts: columns.map(column => column.part) } }
}

/** @param isInNull whether something around the field may be null */
function fieldType(api: Api, path: string, node: Node, isInNull: boolean): FieldType {
  const { type, writer } = presentType(api, path, node, isInNull)
  // Tuples and arrays that may be null are one value in a column, not one for each element.
  if (writer.writeFlat === undefined || isFlattened(node)) return { type, writer }
  return { type, writer: { write: (...given) => writer.write(...given) } }
}

function presentType(api: Api, path: string, node: Node, isInNull: boolean): FieldType {
  const mayBeNull = isInNull || ownBits(node) > 0
  switch (node.type) {
    case 'object': {
      const names = node.members.map(member => member.name)
      const types = node.members.map(m => fieldType(api, `${path}.${m.name}`, m.node, mayBeNull))
      return struct(api, names, types)
    }
    case 'union':
      return unionType(api, path, node)
    case 'array':
      return arrayType(
        api,
        path,
        fieldType(api, path, node.element, mayBeNull),
        node.length,
        mayBeNull || node.element.bits > 0,
      )
    case 'tuple': {
      const items = node.items.map((item, i) => fieldType(api, `${path}.${i}`, item, mayBeNull))
      const [first] = items
      if (first !== undefined && items.every(({ type }) => type.toString() === first.type.toString())) {
        return arrayType(api, path, first, items.length, mayBeNull || node.items.some(({ bits }) => bits > 0))
      }
      const names = items.map((_, i) => `v${i}`)
      const type = new api.DuckDBStructType(
        names,
        items.map(item => item.type),
      )
      const writers = items.map(item => item.writer)
      return { type, writer: new TupleWriter(writers, node.items.map(elementsOf)) }
    }
    default:
      return leafType(api, node)
  }
}

/** MAX_ARRAY_SIZE of DuckDB. */
const ARRAY_LENGTH_MAX = 100_000

function arrayType(api: Api, path: string, element: FieldType, length: number, mayBeNull: boolean): FieldType {
  const { type, writer } = element
  if (mayBeNull) return { type: api.LIST(type), writer: new ListWriter(writer, length) }
  if (length <= ARRAY_LENGTH_MAX)
    return { type: api.ARRAY(type, length), writer: new ArrayWriter(writer, length) }
  const message = `DuckDB has no arrays of ${length} elements, as field '${path}' is: at most ${ARRAY_LENGTH_MAX}`
  throw new StrideError('ERR_STRIDE_LAYOUT', message, { field: path })
}

function unionType(api: Api, path: string, node: Node & { type: 'union' }): FieldType {
  const members = new Map<string, FieldType>()
  members.set(node.tag, fieldType(api, `${path}.${node.tag}`, node.tagNode, true))
  for (const variant of node.variants) {
    for (const { name, node: member } of variant.members) {
      if (name === node.tag) continue
      const field = fieldType(api, `${path}.${name}`, member, true)
      const known = members.get(name)
      if (known !== undefined && known.type.toString() !== field.type.toString()) {
        const message = `Field '${path}.${name}' is ${known.type} in one variant and ${field.type} in another: DuckDB needs one type`
        throw new StrideError('ERR_STRIDE_LAYOUT', message, { field: `${path}.${name}` })
      }
      members.set(name, field)
    }
  }
  return struct(api, [...members.keys()], [...members.values()])
}

function struct(api: Api, names: readonly string[], fields: readonly FieldType[]): FieldType {
  const type = new api.DuckDBStructType(
    distinctNames(names),
    fields.map(field => field.type),
  )
  return {
    type,
    writer: new StructWriter(
      names,
      fields.map(field => field.writer),
    ),
  }
}

/** How many elements of a flat column a field takes. */
function elementsOf(node: Node): number {
  if (!isFlattened(node)) return 1
  if (node.type === 'tuple') return node.items.reduce((sum, item) => sum + elementsOf(item), 0)
  return node.type === 'array' ? node.length * elementsOf(node.element) : 1
}

/** DuckDB ignores the case of names: of `id` and `ID` the second becomes `ID_1`. */
function distinctNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return names.map(name => {
    let distinct = name
    for (let i = 1; taken.has(distinct.toLowerCase()); i++) distinct = `${name}_${i}`
    taken.add(distinct.toLowerCase())
    return distinct
  })
}
