/**
 * Which code is generated for a condition? An expression over the bytes of a record (`v`, `b`, `at`) and the operands `p0`, `p1`, ….
 *
 *   XQ1  it is true for the same records as plain-condition.ts, and makes no string: texts are compared as bytes.
 *   XQ2  operands are variables, so that conditions of one shape share their code.
 */

import {
  bitPlace,
  type Codec,
  guardedExpression,
  isLenient,
  literal,
  type Node,
  ownBits,
  position,
  RECORD,
  type ReadContext,
  readElement,
  type TextNode,
} from '../schema/index.ts'
import { compareBytes, hasBytes } from './byte-tests.ts'
import { comparableReader } from './comparable.ts'
import type { Condition, Test } from './condition.ts'
import { hasFirstWord, textTests } from './encoded-text.ts'
import { canBeNull, type QueriedField } from './queried-field.ts'

/** How fields are read in generated code. */
export interface QueryContext {
  readonly read: Omit<ReadContext, 'fail'>
  readonly codec: Codec
}

/** Source of the condition. */
export function conditionSource(context: QueryContext, condition: Condition): string {
  switch (condition.kind) {
    case 'all':
      if (condition.parts.length === 0) return 'true'
      return `(${condition.parts.map(part => conditionSource(context, part)).join(' && ')})`
    case 'any':
      if (condition.parts.length === 0) return 'false'
      return `(${condition.parts.map(part => conditionSource(context, part)).join(' || ')})`
    case 'not':
      return `!(${conditionSource(context, condition.part)})`
    case 'null':
      return nullSource(context, condition.field)
    case 'test':
      return testSource(context, condition)
  }
}

/** Source of whether the field is null. */
export function nullSource(context: QueryContext, field: QueriedField): string {
  const { node } = field
  const bits = bitTests(context, field)
  if (node.type === 'enum' && node.values.includes(null)) {
    const code = node.codes[node.values.indexOf(null)]
    bits.push(`${codeSource(field)} === ${code}`)
  }
  return bits.length === 0 ? 'false' : `(${bits.join(' || ')})`
}

function bitTests({ read }: QueryContext, field: QueriedField): string[] {
  const holders = [...field.guards, field].filter(({ node }) => ownBits(node) > 0)
  return holders.flatMap(({ node, bit }) =>
    Array.from({ length: ownBits(node) }, (_, extra) => {
      const { byte, mask } = bitPlace({ ...RECORD, bit }, extra, read.bitmapOffset)
      return `(${byte} & ${mask}) !== 0`
    }),
  )
}

function testSource(context: QueryContext, asked: Test): string {
  const { field, slot, test } = asked
  const present = presentTest(context, asked, `p${slot}`)
  if (!canBeNull(field)) return present
  const isNull = `(${bitTests(context, field).join(' || ')})`
  // Only a parameter can make these operands null.
  if (test === 'eq') return `(${isNull} ? p${slot}n : ${present})`
  if (test === 'among') return `(${isNull} ? p${slot}n : ${present})`
  return `(!${isNull} && ${present})`
}

/** Source of the test of a field that is not null. */
function presentTest(context: QueryContext, { test, field }: Test, p: string): string {
  const { source } = context.read
  const { node } = field
  const at = position(placeOf(field))
  switch (field.as) {
    case 'number':
      if (test === 'hasAll' || test === 'hasAny') return maskTest(context, test, field, p)
      if (test === 'among') return `${p}.has(${valueSource(context, field)})`
      if (test === 'eq' && 'nonFinite' in node && node.nonFinite) {
        const isSame = source.function('x, p', 'return x === p || (x !== x && p !== p)')
        return `${isSame}(${valueSource(context, field)}, ${p})`
      }
      return `${valueSource(context, field)} ${SIGNS[test as keyof typeof SIGNS]} ${p}`
    case 'time':
      if (isLenient(node)) return plainTestSource(context, test, field, p)
      if (test === 'among') return `${p}.has(${valueSource(context, field)})`
      return `${valueSource(context, field)} ${SIGNS[test as keyof typeof SIGNS]} ${p}`
    case 'bigint':
      if (test === 'hasAll' || test === 'hasAny') return maskTest(context, test, field, p)
      if (test === 'among') return `${p}.has(${valueSource(context, field)})`
      return wideTest(context, test, field, p)
    case 'code': {
      if (node.size === 4) return plainTestSource(context, test, field, p, true)
      const fail = failSource(context, field)
      const passes = source.function('t, v, b, at', `return t === 1 || (t !== 0 && ${fail} === null)`)
      return `${passes}(${p}[${codeSource(field)}], v, b, at)`
    }
    case 'text':
      return textTest(context, test, field, p, at)
    case 'bytes': {
      const compare = source.constant(compareBytes)
      const { length } = node as { readonly length: number }
      if (test === 'contains') return `${source.constant(hasBytes)}(b, ${at}, ${length}, ${p})`
      if (test === 'among') return `${p}.some(x => ${compare}(b, ${at}, ${length}, x) === 0)`
      return `${compare}(b, ${at}, ${length}, ${p}) ${SIGNS[test as keyof typeof SIGNS]} 0`
    }
    default:
      return plainTestSource(context, test, field, p)
  }
}

const SIGNS = { eq: '===', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** Source of a field's comparable value, if it is not null. */
export function valueSource({ read, codec }: QueryContext, field: QueriedField): string {
  const fail = failSource({ read, codec }, field)
  const place = placeOf(field)
  return readElement({ ...read, fail }, { ...field.node, nullable: false, optional: false } as Node, place)
}

/** Source of a field's value as `get` gives it. */
export function fieldSource(context: QueryContext, field: QueriedField): string {
  return guardedExpression({ ...context.read, fail: failSource(context, field) }, field)
}

function placeOf({ offset, bit }: QueriedField) {
  return { ...RECORD, offset, bit }
}

/** Source of a call that reads the field through the codec, which throws for damaged bytes. */
function failSource({ read, codec }: QueryContext, { base }: QueriedField): string {
  return `${read.source.constant(codec.readField)}(v, b, at, ${literal(base)})`
}

/** Source of the stored code of an enum or boolean. */
export function codeSource(field: QueriedField): string {
  const { size, endian } = field.node
  const order = size === 1 ? '' : `, ${endian === 'little'}`
  return `v.getUint${size * 8}(${position(placeOf(field))}${order})`
}

/** Reads the value through the codec, for kinds that generated code does not read. */
function plainTestSource(
  context: QueryContext,
  test: Test['test'],
  field: QueriedField,
  p: string,
  isCodes = false,
): string {
  const { source } = context.read
  const value = `${source.constant(comparableReader(context.codec, field))}(v, b, at)`
  if (isCodes) {
    const isIn = source.function('c, t', 'return t[c] === 1')
    return `${isIn}(${value}, ${p})`
  }
  if (test === 'among') return `${p}.has(${value})`
  if (test === 'startsWith' || test === 'endsWith') return `${value}.${test}(${p})`
  if (test === 'contains') return `${value}.includes(${p})`
  return `${value} ${SIGNS[test as keyof typeof SIGNS]} ${p}`
}

/** Bigints are compared as two words, since reading one as a bigint allocates it. */
function wideTest(context: QueryContext, test: Test['test'], field: QueriedField, p: string): string {
  const { source } = context.read
  const { node } = field
  const little = node.endian === 'little'
  const at = placeOf(field)
  const [low, high] = little ? [position(at), position(at, 4)] : [position(at, 4), position(at)]
  const sign = node.type === 'i64' ? 'Int32' : 'Uint32'
  const words = `v.get${sign}(${high}, ${little}), v.getUint32(${low}, ${little}), ${p}`
  const isLess = test === 'lt' || test === 'lte'
  const body =
    test === 'eq'
      ? 'return h === p.high && l === p.low'
      : `return h ${isLess ? '<' : '>'} p.high || (h === p.high && l ${SIGNS[test as keyof typeof SIGNS]} p.low)`
  return `${source.function('h, l, p', body)}(${words})`
}

function maskTest(context: QueryContext, test: 'hasAll' | 'hasAny', field: QueriedField, p: string): string {
  const { source } = context.read
  const { node } = field
  const body =
    test === 'hasAll'
      ? 'return (l & p.low) === p.low && (h & p.high) === p.high'
      : 'return ((l & p.low) | (h & p.high)) !== 0'
  const has = source.function('h, l, p', body)
  if (field.as === 'bigint') {
    const little = node.endian === 'little'
    const at = placeOf(field)
    const [low, high] = little ? [position(at), position(at, 4)] : [position(at, 4), position(at)]
    return `${has}(v.getInt32(${high}, ${little}), v.getInt32(${low}, ${little}), ${p})`
  }
  // ToInt32 takes a number modulo 2^32, so the low word of any safe integer is `x | 0`.
  const split = source.function('x, p', `return ${has}(Math.floor(x / 4294967296) | 0, x | 0, p)`)
  return `${split}(${valueSource(context, field)}, ${p})`
}

function textTest(
  context: QueryContext,
  test: Test['test'],
  field: QueriedField,
  p: string,
  at: string,
): string {
  const { source } = context.read
  const node = field.node as TextNode
  const tests = textTests(node)
  if (test === 'among') {
    const isOne = source.constant(tests.eq)
    const isAny = source.function(
      'b, at, p',
      `for (let i = 0; i < p.length; i++) if (${isOne}(b, at, p[i])) return true;\nreturn false`,
    )
    return `${isAny}(b, ${at}, ${p})`
  }
  if (test === 'eq' || test === 'startsWith' || test === 'endsWith' || test === 'contains') {
    const call = `${source.constant(tests[test])}(b, ${at}, ${p})`
    if (test !== 'eq' || !hasFirstWord(node)) return call
    return `((v.getInt32(${at}, true) & ${p}m) === ${p}w && ${call})`
  }
  return `${source.constant(tests.compare)}(b, ${at}, ${p}) ${SIGNS[test as keyof typeof SIGNS]} 0`
}

/** Statements that make variables of the operands: `p0`, and for texts the first word and its mask. */
export function operandVariables(count: number): string {
  return Array.from(
    { length: count },
    (_, i) =>
      `const p${i} = p[${i}].prepared, p${i}n = p[${i}].isNull, p${i}m = p[${i}].mask | 0, p${i}w = p[${i}].word | 0;`,
  ).join('\n')
}
