/**
 * How is a layout described in C? As a struct with static assertions of its offsets.
 *
 * Gaps are explicit members. The struct is packed unless C's own alignment gives the same offsets. C has no byte order: a big-endian
 * field keeps its type and gets a comment. Text and bytes are char arrays, without a terminator if they are full.
 */

import { parametersOf } from './kind-parameters.ts'
import {
  isContainer,
  isMeant,
  isNumber,
  isText,
  isWide,
  type MeantNode,
  type Node,
  NUMBERS,
  type ObjectNode,
  type Padding,
} from './kinds.ts'
import type { Layout } from './layout.ts'
import { tagOf } from './unions.ts'

interface Part {
  readonly name: string
  /** The parts of the declaration before and after the name: 'double', ''. */
  readonly before: string
  readonly after: string
  readonly comment: string
  readonly offset: number
  readonly width: number
  readonly alignment: number
}

export function cStruct(layout: Layout): string {
  const { root, bitmap, recordSize } = layout
  const natural = isNatural(root, recordSize, bitmap)
  const structs: string[] = []
  const parts = root.members.map(m => part(m.node, m.name, 'record', natural, structs))
  if (bitmap !== null) {
    const after = `[${bitmap.size}]`
    parts.push({
      name: 'null_bits',
      before: 'uint8_t',
      after,
      comment: 'set: null',
      ...bitmap,
      width: bitmap.size,
      alignment: 1,
    })
  }
  structs.push(struct('record', parts, recordSize, natural))
  return ['#include <stddef.h>', '#include <stdint.h>', '', ...structs].join('\n')
}

function struct(tag: string, parts: readonly Part[], size: number, natural: boolean): string {
  const names = uniqueNames(parts)
  const lines: string[] = []
  const asserts: string[] = []
  let end = 0
  let gaps = 0
  const fill = (to: number): void => {
    if (to > end && !natural) lines.push(`  uint8_t _gap${gaps++}[${to - end}];`)
  }
  // Fields may be declared in another order than that of their offsets. Members of a struct may not.
  for (const i of parts.map((_, i) => i).sort((a, b) => (parts[a]?.offset ?? 0) - (parts[b]?.offset ?? 0))) {
    const { before, after, comment, offset, width } = parts[i] as Part
    // Bit fields among other members: the first one of an integer stands for all.
    if (offset < end) {
      lines.push(`  /* ${names[i]}: ${comment} */`)
      continue
    }
    fill(offset)
    lines.push(`  ${before} ${names[i]}${after};${comment === '' ? '' : ` /* ${comment} */`}`)
    asserts.push(`_Static_assert(offsetof(struct ${tag}, ${names[i]}) == ${offset}, "${names[i]}");`)
    end = offset + width
  }
  fill(size)
  const packed = natural ? '' : ' __attribute__((packed))'
  asserts.push(`_Static_assert(sizeof(struct ${tag}) == ${size}, "size of ${tag}");`)
  return [`struct${packed} ${tag} {`, ...lines, '};', ...asserts, ''].join('\n')
}

function part(node: Node, name: string, tag: string, natural: boolean, structs: string[]): Part {
  const inner = cType(node, `${tag}_${identifier(name)}`, natural, structs)
  const bigEndian = node.endian === 'big' && node.size > 1 && isScalar(node)
  const padding = node.width - node.size
  // Reserved bytes become a gap before the next member.
  return {
    name,
    before: inner.before,
    after: inner.after,
    comment: [inner.comment, bigEndian ? 'big-endian' : ''].filter(text => text !== '').join(', '),
    offset: node.offset,
    width: node.width - padding,
    alignment: node.alignment,
  }
}

interface CType {
  readonly before: string
  readonly after: string
  readonly comment: string
}

function cType(node: Node, tag: string, natural: boolean, structs: string[]): CType {
  const type = (before: string, after = '', comment = ''): CType => ({ before, after, comment })
  if (isNumber(node) && node.size % 3 === 0)
    return type('uint8_t', `[${node.size}]`, `an integer, ${node.type}`)
  if (isNumber(node) && node.type === 'f16') return type('uint16_t', '', 'a half float')
  if (isNumber(node)) {
    if (NUMBERS[node.type].integer && node.type !== 'safeint') {
      return type(`${node.type.startsWith('u') ? 'u' : ''}int${node.size * 8}_t`)
    }
    return type(node.size === 4 ? 'float' : 'double', '', node.type === 'safeint' ? 'a whole number' : '')
  }
  if (isWide(node) && isText(node)) {
    return type('uint16_t', `[${node.length / 2}]`, `${node.type}, ${PADDINGS[node.padding]}`)
  }
  if (isText(node)) return type('char', `[${node.length}]`, `${node.type}, ${PADDINGS[node.padding]}`)
  if (isMeant(node)) return meantType(node)
  switch (node.type) {
    case 'u64':
      return type('uint64_t')
    case 'i64':
      return type('int64_t')
    case 'date':
      return type('int64_t', '', 'milliseconds since 1970')
    case 'boolean':
      return type(`uint${node.size * 8}_t`, '', '0 or 1')
    case 'enum': {
      const codes = node.values.slice(0, 16).map((value, i) => `${node.codes[i]} ${commentSafe(String(value))}`)
      return type(`uint${node.size * 8}_t`, '', codes.join(', '))
    }
    case 'bytes':
      return type('uint8_t', `[${node.length}]`)
    case 'object': {
      const bits = bitsType(node)
      if (bits !== null) return bits
      const parts = node.members.map(m => part(m.node, m.name, tag, natural, structs))
      structs.push(struct(tag, parts, node.size, natural))
      return type(`struct ${tag}`)
    }
    case 'tuple': {
      const parts = node.items.map((item, i) => part(item, `_${i}`, tag, natural, structs))
      structs.push(struct(tag, parts, node.size, natural))
      return type(`struct ${tag}`)
    }
    case 'union': {
      const variants = node.variants.map((variant, i) => {
        const inner = cType(variant, `${tag}_${i}`, natural, structs)
        return `  ${inner.before} ${identifier(`${tagOf(variant, node.tag)?.values[0]}`)}_${i}${inner.after};`
      })
      const assert = `_Static_assert(sizeof(union ${tag}) == ${node.size}, "size of ${tag}");`
      structs.push(
        [`union ${tag} {`, ...variants, `  uint8_t _bytes[${node.size}];`, '};', assert, ''].join('\n'),
      )
      return type(`union ${tag}`, '', `told apart by ${identifier(node.tag)}`)
    }
    case 'array': {
      const { element, length } = node
      const inner = cType(element, tag, natural, structs)
      if (element.width === element.size) return type(inner.before, `[${length}]${inner.after}`, inner.comment)
      const parts = [part(element, 'value', tag, natural, structs)]
      structs.push(struct(`${tag}_element`, parts, element.width, natural))
      return type(`struct ${tag}_element`, `[${length}]`, inner.comment)
    }
    default:
      return type('uint8_t')
  }
}

const PADDINGS: Readonly<Record<Padding, string>> = {
  zero: 'padded with zero',
  space: 'padded with space',
  either: 'padded with zero or space',
  length: 'its length in front',
}

/** The stored integer, or bytes. A comment says what they mean. */
function meantType(node: MeantNode): CType {
  const { type, size } = node
  const parameters = Object.values(parametersOf(node)).join(' ')
  const comment = parameters === '' ? type : `${type} ${parameters}`
  if (type === 'numbertext') return { before: 'char', after: `[${size}]`, comment }
  if (type === 'dosdatetime') return { before: 'uint16_t', after: '[2]', comment }
  const isInteger = [1, 2, 4, 8].includes(size)
  if (!isInteger) return { before: 'uint8_t', after: `[${size}]`, comment }
  const isSigned = (type === 'decimal' || type === 'unix') && node.of.startsWith('i')
  return { before: `${isSigned ? '' : 'u'}int${size * 8}_t`, after: '', comment }
}

/** The integer of an object that only has bit fields; null for any other object. */
function bitsType({ members, size }: ObjectNode): CType | null {
  const parts: string[] = []
  for (const { name, node } of members) {
    if (node.type !== 'bits' || node.size !== size || node.offset !== 0) return null
    parts.push(`${identifier(name)} ${node.count} bits from ${node.shift}`)
  }
  return { before: `uint${size * 8}_t`, after: '', comment: parts.join(', ') }
}

/** Whether an unpacked C struct has the same offsets. */
function isNatural(root: ObjectNode, recordSize: number, bitmap: Layout['bitmap']): boolean {
  const end = bitmap === null ? root.size : bitmap.offset + bitmap.size
  return Math.ceil(end / root.alignment) * root.alignment === recordSize && areNatural(root, true)
}

function areNatural(node: Node, isRoot = false): boolean {
  if (node.type === 'array') return node.element.width === node.element.size && areNatural(node.element)
  if (node.type === 'union') return false
  if (node.type !== 'object' && node.type !== 'tuple') return node.width === node.size
  const children = node.type === 'object' ? node.members.map(m => m.node) : node.items
  let end = 0
  for (const child of children) {
    const alignment = child.alignment
    if (!areNatural(child) || child.offset !== Math.ceil(end / alignment) * alignment) return false
    end = child.offset + child.size
  }
  const alignment = node.alignment
  // The root's size excludes its trailing padding, which isNatural checks.
  return (isRoot && node.size === end) || node.size === Math.ceil(end / alignment) * alignment
}

function isScalar(node: Node): boolean {
  return !isText(node) && !isContainer(node) && node.type !== 'bytes'
}

function uniqueNames(parts: readonly Part[]): string[] {
  const taken = new Set<string>()
  return parts.map(({ name }) => {
    let unique = identifier(name)
    while (taken.has(unique)) unique += '_'
    taken.add(unique)
    return unique
  })
}

const C_KEYWORDS = new Set(
  (
    'auto break case char const continue default do double else enum extern float for goto if inline int long ' +
    'register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while'
  ).split(' '),
)

function identifier(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[0-9]/.test(safe) || C_KEYWORDS.has(safe) ? `_${safe}` : safe
}

/** The text of a value, changed so that it cannot end the comment around it. */
function commentSafe(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replaceAll('*/', '* /')
    .replaceAll('/*', '/ *')
}
