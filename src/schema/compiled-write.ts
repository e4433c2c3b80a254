/**
 * Which code is generated to write a field? Statements over `v`, `b` and `at` that read a value once, test it and store it.
 *
 * Each function returns null or the issues, in the words of fit.ts. It continues after the first issue, so that it reads the same
 * values in the same order as the plain codec (TK1, TK2 of record-copy.ts).
 *   CW1  the conditions are those of fit.ts, and the stored bytes are those of plain-codec.ts.
 *   CW2  if a field can be null or has gaps, its bytes are zeroed before these statements run.
 */

import { zeroBytes } from './compiled-checks.ts'
import { note, noting, type Value, type WriteContext, writeLeaf } from './compiled-leaf.ts'
import { UNROLLED_MAX } from './compiled-read.ts'
import { inside, type Place, unknownKey, wrongLength } from './fit.ts'
import { bitNumber, bitPlace, literal, position, RECORD, type Spot, within } from './generated-source.ts'
import {
  type ArrayNode,
  hasGaps,
  isContainer,
  type LeafNode,
  type Node,
  type ObjectNode,
  ownBits,
  type TupleNode,
  type UnionNode,
} from './kinds.ts'
import { firstOf, hasDefaults, isInherited, isLengthRight, memberValue, setOwn } from './record-copy.ts'
import { tagOf } from './unions.ts'

/** Body of a function (r, v, b, at) that writes a whole record and returns `result`. At the end `r` is a copy of the record. */
export function encodeBody(context: WriteContext, root: ObjectNode, result: string): string {
  const zero = context.source.constant(zeroBytes)
  const clear = root.bits > 0 || root.width > root.size || hasGaps(root) ? `${zero}(b, at, ${root.width});` : ''
  const write = writeStatements(context, { x: 'r', node: root, spot: RECORD, path: [], inLoop: false })
  return `${clear}\nlet I = null;\n${write}\nreturn ${result}`
}

/** Body of a function (r, v, b, at) that writes the fields that r names and returns `result`. At the end `c` is a copy of r. */
export function patchBody(context: WriteContext, root: ObjectNode, result: string): string {
  const { source, copies } = context
  const top = source.constant([])
  const cases = root.members.map(({ name, node }) => {
    const spot = within(RECORD, node)
    const statements: string[] = ['let I = null;']
    if (node.bits > 0 || hasGaps(node)) {
      statements.push(`${source.constant(zeroBytes)}(b, ${position(spot)}, ${node.width});`)
    }
    for (let i = 0; i < node.bits; i++) {
      const { byte, mask } = bitPlace(spot, i, context.bitmapOffset)
      statements.push(`${byte} &= ~${mask};`)
    }
    statements.push(writeStatements(context, { x: 'x', node, spot, path: [name], inLoop: false }))
    if (copies) statements.push(`c[${literal(name)}] = x;`)
    const write = source.function('x, v, b, at, c', `${statements.join('\n')}\nreturn I`)
    return `case ${literal(name)}: J = ${write}(r[key], v, b, at, c); break;`
  })
  const unknown = [
    root.loose ? '' : `I = ${source.constant(unknownKey)}(I, ${top}, key);`,
    copies ? `${source.constant(setOwn)}(c, key, ${root.loose ? 'r[key]' : 'undefined'});` : '',
  ].join('\n')
  return `let I = null;
const c = ${copies ? '{}' : 'null'};
for (const key in r) {
let J = null;
switch (key) {
${cases.join('\n')}
default: ${unknown}
}
if (J !== null) I = ${source.constant(inside)}(I, ${top}, J);
}
return ${result}`
}

/** Writes the value that the variable holds. */
function writeStatements(context: WriteContext, value: Value): string {
  const { source, bitmapOffset } = context
  const { node, x, spot } = value
  const lines: string[] = []
  if (node.fallback !== null) lines.push(`if (${x} === undefined) ${x} = ${source.constant(node.fallback)}();`)
  const mark = (extra: number): string => {
    const { byte, mask } = bitPlace(spot, extra, bitmapOffset)
    return `${byte} |= ${mask};`
  }
  if (node.nullable) lines.push(`if (${x} === null) { ${mark(0)} } else`)
  if (node.optional) lines.push(`if (${x} === undefined) { ${mark(node.nullable ? 1 : 0)} } else`)
  lines.push(`{ ${writeValue(context, value)} }`)
  return lines.join('\n')
}

function writeValue(context: WriteContext, value: Value): string {
  const { node } = value
  if (node.type === 'object') return writeObject(context, value, node)
  if (node.type === 'union') return writeUnion(context, value, node)
  if (node.type === 'array' || node.type === 'tuple') return writeList(context, value, node)
  return writeLeaf(context, value, node as LeafNode)
}

function writeList(context: WriteContext, value: Value, node: ArrayNode | TupleNode): string {
  const { source, copies } = context
  const { x, path } = value
  const length = node.type === 'array' ? node.length : node.items.length
  const n = source.name('n')
  const isRight = source.constant(isLengthRight)
  // Missing values at the end of a tuple may have defaults.
  const isWrong = hasDefaults(node) ? `!${isRight}(${source.constant(node)}, ${n})` : `${n} !== ${length}`
  const place = source.constant({ node, path } satisfies Place)
  const wrong = noting(context, value, issues => `${source.constant(wrongLength)}(${issues}, ${place}, ${n})`)
  const cut = copies ? `${x} = ${source.constant(firstOf)}(${x}, ${n}, ${length});` : ''
  const isUnrolled = node.type === 'tuple' || (length <= UNROLLED_MAX && !isContainer(node.element))
  const write = isUnrolled ? writeItems(context, node, value) : writeLoop(context, node as ArrayNode, value)
  return `if (!Array.isArray(${x})) ${note(context, value)}
else {
const ${n} = ${x}.length;
if (${isWrong}) { ${wrong} ${cut} }
else {
${write}
}
}`
}

function writeItems(context: WriteContext, node: ArrayNode | TupleNode, value: Value): string {
  const { x, spot } = value
  const count = node.type === 'array' ? node.length : node.items.length
  const items = Array.from({ length: count }, (_, i) => {
    if (node.type === 'tuple') {
      const item = node.items[i] as Node
      return writePart(context, value, item, `${x}[${i}]`, within(spot, item), i)
    }
    const { element } = node
    const place = { offset: i * element.width, bit: ownBits(node) + i * element.bits }
    return writePart(context, value, element, `${x}[${i}]`, within(spot, place), i)
  })
  const copy = context.copies ? `${x} = [${items.map(item => item.x).join(', ')}];` : ''
  return [...items.map(item => item.statements), copy].join('\n')
}

function writeLoop(context: WriteContext, node: ArrayNode, value: Value): string {
  const { source, copies } = context
  const { x, spot, path } = value
  const { element, length } = node
  const inner: Spot = { base: 'p', offset: 0, bitBase: 'q', bit: 0 }
  const write = source.function(
    'a, v, b, at, p, q, c',
    `let I = null;
for (let i = 0; i < ${length}; i++, p += ${element.width}, q += ${element.bits}) {
let x = a[i];
${writeStatements(context, { x: 'x', node: element, spot: inner, path: [], inLoop: true })}
${copies ? 'c.push(x);' : ''}
}
return I`,
  )
  const issues = source.name('j')
  const copy = source.name('c')
  const join = (all: string): string =>
    `${source.constant(inside)}(${all}, ${source.constant(path)}, ${issues})`
  const bit = bitNumber(spot, ownBits(node))
  return `const ${copy} = ${copies ? '[]' : 'null'};
const ${issues} = ${write}(${x}, v, b, at, ${position(spot)}, ${bit}, ${copy});
if (${issues} !== null) ${noting(context, value, join)}
${copies ? `${x} = ${copy};` : ''}`
}

/** Reads a part of a value once, into the variable `x`. */
function writePart(
  context: WriteContext,
  outer: Value,
  node: Node,
  expression: string,
  spot: Spot,
  key: PropertyKey,
): { readonly x: string; readonly statements: string } {
  const x = context.source.name('x')
  const value = { x, node, spot, path: [...outer.path, key], inLoop: outer.inLoop }
  return { x, statements: `let ${x} = ${expression};\n${writeStatements(context, value)}` }
}

function writeObject(context: WriteContext, value: Value, node: ObjectNode): string {
  return ifObject(context, value, writeMembers(context, value, node))
}

function ifObject(context: WriteContext, value: Value, statements: string): string {
  const { x } = value
  return `if (typeof ${x} !== 'object' || ${x} === null || Array.isArray(${x})) ${note(context, value)}
else {
${statements}
}`
}

/** Writes the tag, then the members of the variant that it names. */
function writeUnion(context: WriteContext, value: Value, node: UnionNode): string {
  const { source, copies } = context
  const { x, spot, path } = value
  const { tag, tagNode, variants } = node
  const t = source.name('t')
  const byTag = new Map(
    variants.flatMap((variant, i) => tagOf(variant, tag)?.values.map(each => [each, i]) ?? []),
  )
  const cases = variants.map((variant, i) => {
    const inner = { ...value, node: variant, spot: within(spot, variant) }
    return `case ${i}: {\n${writeMembers(context, inner, variant, { name: tag, x: t })}\nbreak;\n}`
  })
  const unknown = { ...value, x: t, node: tagNode, path: [...path, tag] }
  return ifObject(
    context,
    value,
    `let ${t} = ${memberOf(context, x, tag)};
switch (${source.constant(byTag)}.get(${t})) {
${cases.join('\n')}
default: ${note(context, unknown)}
${copies ? `${x} = { ${literal(tag)}: ${t} };` : ''}
}`,
  )
}

/** Source of a member's value. */
function memberOf({ source }: WriteContext, x: string, name: string): string {
  return isInherited(name)
    ? `${source.constant(memberValue)}(${x}, ${literal(name)})`
    : `${x}[${literal(name)}]`
}

/** @param known a member whose value is in a variable already */
function writeMembers(
  context: WriteContext,
  value: Value,
  node: ObjectNode,
  known?: { readonly name: string; readonly x: string },
): string {
  const { source, copies } = context
  const { x, spot, path } = value
  const lines: string[] = []
  const copied: string[] = []
  for (const { name, node: member } of node.members) {
    const expression = name === known?.name ? known.x : memberOf(context, x, name)
    const part = writePart(context, value, member, expression, within(spot, member), name)
    lines.push(part.statements)
    copied.push(`${literal(name)}: ${part.x}`)
  }
  const copy = source.name('c')
  if (copies) lines.push(`const ${copy} = { ${copied.join(', ')} };`)
  if (!node.loose || copies) {
    const key = source.name('key')
    const known = node.members.map(member => `case ${literal(member.name)}:`).join(' ')
    const refuse = noting(
      context,
      value,
      issues => `${source.constant(unknownKey)}(${issues}, ${source.constant(path)}, ${key})`,
    )
    const add = `${source.constant(setOwn)}(${copy}, ${key}, ${node.loose ? `${x}[${key}]` : 'undefined'});`
    const unknown = `${node.loose ? '' : refuse} ${copies ? add : ''}`
    // Keys are compared by name. With a count, an unknown key could pass for a field that is not enumerable.
    lines.push(`for (const ${key} in ${x}) switch (${key}) { ${known} break; default: ${unknown} }`)
  }
  if (copies) lines.push(`${x} = ${copy};`)
  return lines.join('\n')
}
