/**
 * Which values of a record have a column of their own? Each field without fields inside, by its dotted path.
 *
 *   TF1  elements of tuples and arrays are columns with their position in the path: 'position.0'.
 *   TF2  a union has no columns, since its variants have different fields. It is named where a format cannot hold it.
 */

import { type Layout, type LeafNode, type Node, ownBits } from '../../schema/index.ts'

/** An object, tuple or array that may be null or absent, with the fields inside. */
export interface Guard {
  readonly path: string
  readonly node: Node
  /** Bytes from the start of the record. */
  readonly offset: number
  /** Its first null bit, counted from the bitmap's first. */
  readonly bit: number
}

/** One column of a record. */
export interface Leaf {
  readonly path: string
  readonly node: LeafNode
  /** Bytes from the start of the record. */
  readonly offset: number
  /** Its first null bit, counted from the bitmap's first. */
  readonly bit: number
  /** What may be null around it, outermost first. */
  readonly guards: readonly Guard[]
}

export interface Leaves {
  /** In order of declaration. */
  readonly leaves: readonly Leaf[]
  /** Paths of the unions. */
  readonly unions: readonly string[]
}

export function leavesOf({ root }: Layout): Leaves {
  const leaves: Leaf[] = []
  const unions: string[] = []
  const visit = (node: Node, path: string, offset: number, bit: number, guards: readonly Guard[]): void => {
    if (node.type === 'union') {
      unions.push(path)
      return
    }
    if (node.type !== 'object' && node.type !== 'tuple' && node.type !== 'array') {
      leaves.push({ path, node, offset, bit, guards })
      return
    }
    const inner = ownBits(node) > 0 ? [...guards, { path, node, offset, bit }] : guards
    const at = (name: string | number): string => (path === '' ? String(name) : `${path}.${name}`)
    if (node.type === 'object') {
      for (const { name, node: child } of node.members)
        visit(child, at(name), offset + child.offset, bit + child.bit, inner)
    } else if (node.type === 'tuple') {
      for (const [i, child] of node.items.entries())
        visit(child, at(i), offset + child.offset, bit + child.bit, inner)
    } else {
      const { element, length } = node
      for (let i = 0; i < length; i++)
        visit(element, at(i), offset + i * element.width, bit + ownBits(node) + i * element.bits, inner)
    }
  }
  visit(root, '', 0, 0, [])
  return { leaves, unions }
}
