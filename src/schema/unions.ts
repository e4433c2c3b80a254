/**
 * Which variant of a union does a record have? Its tag says it.
 *
 *   UN1  each code of the tag belongs to one variant, and the tag lies at the same place in all of them.
 */

import type { EnumKind, EnumNode, EnumValue, ObjectKind, ObjectNode, UnionNode } from './kinds.ts'

/** The tag of a variant; undefined if it has none that is an enum. */
export function tagOf<Child extends { readonly type: string }>(
  { members }: ObjectKind<Child>,
  tag: string,
): (Child & EnumKind) | undefined {
  const node = members.find(({ name }) => name === tag)?.node
  return node?.type === 'enum' ? (node as Child & EnumKind) : undefined
}

/** One tag with the values of all variants. @throws TypeError if they cannot be variants of one union */
export function jointTag(variants: readonly ObjectNode[], tag: string): EnumNode {
  const tags = variants.map(variant => tagOf(variant, tag) as EnumNode | undefined)
  const [first] = tags
  if (first === undefined) throw new TypeError(`a variant has no tag '${tag}'`)
  for (const each of tags) {
    const isAlike =
      each?.offset === first.offset && each.size === first.size && each.endian === first.endian && !each.lenient
    if (!isAlike || each.nullable || each.optional)
      throw new TypeError(`the tag '${tag}' has another place or kind in some variant`)
  }
  const values = tags.flatMap(each => each?.values ?? [])
  const codes = tags.flatMap(each => each?.codes ?? [])
  if (new Set(values).size !== values.length || new Set(codes).size !== codes.length)
    throw new TypeError(`two variants have the same tag '${tag}'`)
  return { ...first, values, codes }
}

/** The variant for a value of the tag; undefined if there is none. */
export function variantOf({ tag, variants }: UnionNode, value: unknown): ObjectNode | undefined {
  return variants.find(variant => tagOf(variant, tag)?.values.includes(value as EnumValue))
}
