/**
 * Which code is generated to write a value without fields inside? A test and a store.
 *
 * The statements around it: compiled-write.ts.
 */

import { byteCount, copyBytes, dateMs } from '../runtime/realms.ts'
import { inside, isRawCode, misfit, type Place, reasonAgainst } from './fit.ts'
import { position, type Source, type Spot } from './generated-source.ts'
import {
  BIGINTS,
  type BooleanNode,
  type EnumNode,
  isMeant,
  isNumber,
  isOddNumber,
  isText,
  isTime,
  type LeafNode,
  type Node,
  NUMBERS,
  type NumberNode,
  type TextNode,
} from './kinds.ts'
import { meaningOf } from './meanings-by-kind.ts'
import { ODD_NUMBERS } from './numbers-without-dataview.ts'
import { bytesOf, dateOf } from './record-copy.ts'
import { writeText } from './text-field.ts'
import { type TextWriter, textWriters } from './text-write.ts'

export interface WriteContext {
  readonly source: Source
  readonly bitmapOffset: number
  /** Whether the variable of a value must hold a copy of it at the end, as record-copy.ts makes it for Zod. */
  readonly copies: boolean
}

/** A value that is being written: its variable, its path in the record, and its place in the bytes. */
export interface Value {
  readonly x: string
  readonly node: Node
  readonly spot: Spot
  /** Path from the argument of the generated function, or from an element of it. */
  readonly path: readonly PropertyKey[]
  /** Whether the path begins at element `i` of that argument. */
  readonly inLoop: boolean
}

/** A statement that replaces the issues so far by the result of `call`. */
export function noting({ source }: WriteContext, { inLoop }: Value, call: (issues: string) => string): string {
  return inLoop ? `I = ${source.constant(inside)}(I, [i], ${call('null')});` : `I = ${call('I')};`
}

/** A statement that notes that the value does not fit. */
export function note(context: WriteContext, value: Value): string {
  const { source } = context
  const place = source.constant({ node: value.node, path: value.path } satisfies Place)
  return noting(context, value, issues => `${source.constant(misfit)}(${issues}, ${place}, ${value.x})`)
}

/** Statements that write a value which is not missing. */
export function writeLeaf(context: WriteContext, value: Value, node: LeafNode): string {
  const { source, copies } = context
  const { x, spot } = value
  const little = node.endian === 'little'
  const at = position(spot)
  const order = (size: number): string => (size === 1 ? '' : `, ${little}`)
  const unless = (isUnfit: string, write: string): string =>
    `if (${isUnfit}) ${note(context, value)}\nelse ${write}`
  if (isNumber(node)) {
    const { type } = node
    const { size, accessor } = NUMBERS[type]
    const store = isOddNumber(type)
      ? `${source.constant(ODD_NUMBERS[type].set)}(v, ${at}, ${x}, ${little});`
      : `v.set${accessor}(${at}, ${x}${order(size)});`
    return unless(unfitNumber(node, x), store)
  }
  if (isText(node)) {
    const writer = writerOf(node)
    if (writer !== undefined)
      return `if (!${source.constant(writer)}(${x}, v, b, ${at}, ${node.length})) ${note(context, value)}`
    const k = source.constant(node)
    return unless(
      `${source.constant(reasonAgainst)}(${k}, ${x}) !== null`,
      `${source.constant(writeText)}(${k}, ${x}, b, ${at});`,
    )
  }
  if (isMeant(node)) {
    const meaning = meaningOf(node)
    const write = unless(
      `${source.constant(meaning.reasonAgainst)}(${x}) !== null`,
      `${source.constant(meaning.write)}(${x}, v, b, ${at});`,
    )
    return copies && isTime(node) ? `${write}\n${x} = ${source.constant(dateOf)}(${x});` : write
  }
  switch (node.type) {
    case 'u64':
    case 'i64': {
      const { accessor, min, max } = BIGINTS[node.type]
      const isUnfit = `typeof ${x} !== 'bigint' || ${x} < ${min}n || ${x} > ${max}n`
      return unless(isUnfit, `v.set${accessor}(${at}, ${x}, ${little});`)
    }
    case 'boolean':
      return unless(
        `typeof ${x} !== 'boolean'${orRaw(source, node, x)}`,
        `v.setUint${node.size * 8}(${at}, ${node.lenient ? `+${x}` : `${x} ? 1 : 0`}${order(node.size)});`,
      )
    case 'date': {
      const ms = source.name('ms')
      const low = position(spot, little ? 0 : 4)
      const high = position(spot, little ? 4 : 0)
      const store = `{ v.setUint32(${low}, ${ms}, ${little}); v.setInt32(${high}, Math.floor(${ms} / 4294967296), ${little}); }`
      return `const ${ms} = ${source.constant(dateMs)}(${x});
${unless(`${ms} !== ${ms}`, store)}
${copies ? `${x} = ${source.constant(dateOf)}(${x});` : ''}`
    }
    case 'enum': {
      const code = source.name('c')
      const isUnfit = `${code} === undefined${orRaw(source, node, x)}`
      const stored = node.lenient ? `(${code} ?? ${x})` : code
      return `const ${code} = ${source.constant(codesOf(node))}.get(${x});
${unless(isUnfit, `v.setUint${node.size * 8}(${at}, ${stored}${order(node.size)});`)}`
    }
    case 'bytes': {
      // The stored and the copied value must be one read, since another thread may change shared memory meanwhile.
      const y = copies ? source.name('y') : x
      const store = `${source.constant(copyBytes)}(${y}, b, ${at}) !== ${node.length}`
      const write = `if (${source.constant(byteCount)}(${y}) !== ${node.length} || ${store}) ${note(context, value)}`
      return copies
        ? `const ${y} = ${source.constant(bytesOf)}(${x}, ${node.length});\n${write}\n${x} = ${y};`
        : write
    }
  }
}

/** Source that extends a condition: nor is the value a raw code that the field accepts. */
function orRaw(source: Source, node: BooleanNode | EnumNode, x: string): string {
  return node.lenient ? ` && !${source.constant(isRawCode)}(${source.constant(node)}, ${x})` : ''
}

/** The code of each value. If a file lists a value twice, its first code, as in the plain codec. */
function codesOf(node: EnumNode): ReadonlyMap<unknown, number | undefined> {
  const codes = new Map<unknown, number | undefined>()
  for (const [i, value] of node.values.entries()) if (!codes.has(value)) codes.set(value, node.codes[i])
  return codes
}

/** Source of a condition: the value is not a number of this type. */
function unfitNumber(node: NumberNode, x: string): string {
  const noNumber = `typeof ${x} !== 'number'`
  const { min, max } = NUMBERS[node.type]
  switch (node.type) {
    case 'u8':
    case 'u16':
    case 'u24':
      return `${noNumber} || (${x} & ${max}) !== ${x}`
    case 'i8':
      return `${noNumber} || (${x} << 24 >> 24) !== ${x}`
    case 'i24':
      return `${noNumber} || (${x} << 8 >> 8) !== ${x}`
    case 'u48':
    case 'i48':
      return `!Number.isInteger(${x}) || ${x} < ${min} || ${x} > ${max}`
    case 'i16':
      return `${noNumber} || (${x} << 16 >> 16) !== ${x}`
    case 'u32':
      return `${noNumber} || (${x} >>> 0) !== ${x}`
    case 'i32':
      return `${noNumber} || (${x} | 0) !== ${x}`
    case 'safeint':
      return `!Number.isSafeInteger(${x})`
    case 'f16':
    case 'f32': {
      const outside = `!(${x} >= ${min} && ${x} <= ${max})`
      return `${noNumber} || ${node.nonFinite ? `${x} - ${x} === 0 && ` : ''}${outside}`
    }
    case 'f64':
      return node.nonFinite ? noNumber : `${noNumber} || ${x} - ${x} !== 0`
  }
}

/** The fast writer of a text; undefined where there is none. */
function writerOf(node: TextNode): TextWriter | undefined {
  if (node.padding !== 'zero' && node.padding !== 'space') return undefined
  const zero = node.padding === 'zero'
  switch (node.type) {
    case 'ascii':
      return zero ? textWriters.zeroPaddedAscii : textWriters.spacePaddedAscii
    case 'latin1':
      return zero ? textWriters.zeroPaddedLatin1 : textWriters.spacePaddedLatin1
    case 'utf8':
      return zero ? textWriters.zeroPaddedUtf8 : textWriters.spacePaddedUtf8
    default:
      return undefined
  }
}
