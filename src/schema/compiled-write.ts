/**
 * Which source writes a field? Statements over `v`, `b` and `at` that test a value and store it.
 *
 * A value that does not fit ends the function with `return false`; why it does not is the plain codec's to say.
 *   W1  the conditions are those of fit.ts, and what is stored is what plain-codec.ts stores.
 *   W2  bytes without a value are zero before these statements run, wherever a field can be null or has gaps.
 */

import { zeroBytes } from './compiled-checks.ts'
import { UNROLLED_MAX } from './compiled-read.ts'
import { memberValue } from './fit.ts'
import {
  type ArrayNode,
  BIGINTS,
  hasGaps,
  isContainer,
  isNumber,
  isText,
  type LeafNode,
  type Node,
  NUMBERS,
  type NumberNode,
  type ObjectNode,
  ownBits,
  type TextNode,
} from './kinds.ts'
import { bitNumber, bitPlace, literal, position, RECORD, type Source, type Spot, within } from './source.ts'
import { type TextWriter, textWriters } from './text-write.ts'

export interface WriteContext {
  readonly source: Source
  readonly bitmapOffset: number
}

/** Body of a function (r, v, b, at) that writes a whole record and says whether it fits. */
export function encodeBody(context: WriteContext, root: ObjectNode): string {
  const zero = context.source.constant(zeroBytes)
  const clear = root.bits > 0 || root.width > root.size || hasGaps(root) ? `${zero}(b, at, ${root.width});` : ''
  return `${clear}\n${writeObject(context, root, 'r', RECORD)}\nreturn true`
}

/** Body of a function (r, v, b, at) that writes the fields that r names. */
export function patchBody(context: WriteContext, root: ObjectNode): string {
  const { source } = context
  const cases = root.members.map(({ name, node }) => {
    const spot = within(RECORD, node)
    const statements: string[] = []
    if (node.bits > 0 || hasGaps(node)) {
      statements.push(`${source.constant(zeroBytes)}(b, ${position(spot)}, ${node.width});`)
    }
    for (let i = 0; i < node.bits; i++) {
      const { byte, mask } = bitPlace(spot, i, context.bitmapOffset)
      statements.push(`${byte} &= ~${mask};`)
    }
    statements.push(writeStatements(context, node, 'x', spot), 'return true')
    const write = source.function('x, v, b, at', statements.join('\n'))
    return `case ${literal(name)}: if (!${write}(r[key], v, b, at)) return false; break;`
  })
  return `if (typeof r !== 'object' || r === null || Array.isArray(r)) return false;
for (const key in r) switch (key) {
${cases.join('\n')}
${root.loose ? '' : 'default: return false;'}
}
return true`
}

/** Writes the value that the variable `x` holds. */
function writeStatements(context: WriteContext, node: Node, x: string, spot: Spot): string {
  const { source, bitmapOffset } = context
  const lines: string[] = []
  if (node.fallback !== null) lines.push(`if (${x} === undefined) ${x} = ${source.constant(node.fallback)}();`)
  const mark = (extra: number): string => {
    const { byte, mask } = bitPlace(spot, extra, bitmapOffset)
    return `${byte} |= ${mask};`
  }
  if (node.nullable) lines.push(`if (${x} === null) { ${mark(0)} } else`)
  if (node.optional) lines.push(`if (${x} === undefined) { ${mark(node.nullable ? 1 : 0)} } else`)
  lines.push(`{ ${writeValue(context, node, x, spot)} }`)
  return lines.join('\n')
}

function writeValue(context: WriteContext, node: Node, x: string, spot: Spot): string {
  if (node.type === 'object') return writeObject(context, node, x, spot)
  if (!isContainer(node)) return writeLeaf(context, node, x, spot)
  const length = node.type === 'array' ? node.length : node.items.length
  const check = `if (!Array.isArray(${x}) || ${x}.length !== ${length}) return false;`
  const unrolled = node.type === 'tuple' || (length <= UNROLLED_MAX && !isContainer(node.element))
  if (!unrolled) return `${check}\n${writeLoop(context, node as ArrayNode, x, spot)}`
  const writes = Array.from({ length }, (_, i) => {
    const item = node.type === 'tuple' ? (node.items[i] as Node) : node.element
    const place = node.type === 'tuple' ? item : { offset: i * item.width, bit: ownBits(node) + i * item.bits }
    return writeVariable(context, item, `${x}[${i}]`, within(spot, place))
  })
  return [check, ...writes].join('\n')
}

function writeLoop(context: WriteContext, node: ArrayNode, x: string, spot: Spot): string {
  const { element, length } = node
  const inner: Spot = { base: 'p', offset: 0, bitBase: 'q', bit: 0 }
  const write = context.source.function(
    'a, v, b, at, p, q',
    `for (let i = 0; i < ${length}; i++, p += ${element.width}, q += ${element.bits}) {
${writeVariable(context, element, 'a[i]', inner)}
}
return true`,
  )
  return `if (!${write}(${x}, v, b, at, ${position(spot)}, ${bitNumber(spot, ownBits(node))})) return false;`
}

/** Takes a value into a variable of its own first, so that a getter runs once. */
function writeVariable(context: WriteContext, node: Node, value: string, spot: Spot): string {
  const x = context.source.name('x')
  return `let ${x} = ${value};\n${writeStatements(context, node, x, spot)}`
}

function writeObject(context: WriteContext, node: ObjectNode, x: string, spot: Spot): string {
  const { source } = context
  const lines: string[] = [
    `if (typeof ${x} !== 'object' || ${x} === null || Array.isArray(${x})) return false;`,
  ]
  for (const { name, node: member } of node.members) {
    const inherited = name in Object.prototype
    const value = inherited
      ? `${source.constant(memberValue)}(${x}, ${literal(name)})`
      : `${x}[${literal(name)}]`
    const y = source.name('x')
    lines.push(`let ${y} = ${value};`)
    lines.push(writeStatements(context, member, y, within(spot, member)))
  }
  if (!node.loose) {
    const key = source.name('key')
    const known = node.members.map(member => `case ${literal(member.name)}:`).join(' ')
    // Each key by name: a count of them would take an unknown one for a field that is not enumerable.
    lines.push(`for (const ${key} in ${x}) switch (${key}) { ${known} break; default: return false; }`)
  }
  return lines.join('\n')
}

function writeLeaf(context: WriteContext, node: LeafNode, x: string, spot: Spot): string {
  const { source } = context
  const little = node.endian === 'little'
  const at = position(spot)
  const order = (size: number): string => (size === 1 ? '' : `, ${little}`)
  if (isNumber(node)) {
    const { size, accessor } = NUMBERS[node.type]
    return `if (${isUnfit(node, x)}) return false; v.set${accessor}(${at}, ${x}${order(size)});`
  }
  if (isText(node))
    return `if (!${source.constant(writerOf(node))}(${x}, v, b, ${at}, ${node.length})) return false;`
  switch (node.type) {
    case 'u64':
    case 'i64': {
      const { accessor, min, max } = BIGINTS[node.type]
      return `if (typeof ${x} !== 'bigint' || ${x} < ${min}n || ${x} > ${max}n) return false; v.set${accessor}(${at}, ${x}, ${little});`
    }
    case 'boolean': {
      const set = `v.setUint${node.size * 8}`
      return `if (typeof ${x} !== 'boolean') return false; ${set}(${at}, ${x} ? 1 : 0${order(node.size)});`
    }
    case 'date': {
      const ms = source.name('ms')
      const low = position(spot, little ? 0 : 4)
      const high = position(spot, little ? 4 : 0)
      return `if (!(${x} instanceof Date)) return false; const ${ms} = ${x}.getTime(); if (${ms} !== ${ms}) return false;
v.setUint32(${low}, ${ms}, ${little}); v.setInt32(${high}, Math.floor(${ms} / 4294967296), ${little});`
    }
    case 'enum': {
      const code = source.name('c')
      const codes = source.constant(new Map(node.values.map((value, i) => [value, node.codes[i]])))
      return `const ${code} = ${codes}.get(${x}); if (${code} === undefined) return false; v.setUint${node.size * 8}(${at}, ${code}${order(node.size)});`
    }
    case 'bytes':
      return `if (!(${x} instanceof Uint8Array) || ${x}.length !== ${node.length}) return false; b.set(${x}, ${at});`
  }
}

/** Source of a condition: the value is not a number of this type. */
function isUnfit(node: NumberNode, x: string): string {
  const noNumber = `typeof ${x} !== 'number'`
  const { min, max } = NUMBERS[node.type]
  switch (node.type) {
    case 'u8':
    case 'u16':
      return `${noNumber} || (${x} & ${max}) !== ${x}`
    case 'i8':
      return `${noNumber} || (${x} << 24 >> 24) !== ${x}`
    case 'i16':
      return `${noNumber} || (${x} << 16 >> 16) !== ${x}`
    case 'u32':
      return `${noNumber} || (${x} >>> 0) !== ${x}`
    case 'i32':
      return `${noNumber} || (${x} | 0) !== ${x}`
    case 'safeint':
      return `!Number.isSafeInteger(${x})`
    case 'f32': {
      const outside = `!(${x} >= ${min} && ${x} <= ${max})`
      return `${noNumber} || ${node.nonFinite ? `${x} - ${x} === 0 && ` : ''}${outside}`
    }
    case 'f64':
      return node.nonFinite ? noNumber : `${noNumber} || ${x} - ${x} !== 0`
  }
}

function writerOf(node: TextNode): TextWriter {
  const zero = node.padding === 'zero'
  switch (node.type) {
    case 'ascii':
      return zero ? textWriters.zeroPaddedAscii : textWriters.spacePaddedAscii
    case 'latin1':
      return zero ? textWriters.zeroPaddedLatin1 : textWriters.spacePaddedLatin1
    case 'utf8':
      return zero ? textWriters.zeroPaddedUtf8 : textWriters.spacePaddedUtf8
  }
}
