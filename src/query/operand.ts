/**
 * Which values can a test compare with, and what becomes of them? Each operand is checked once, and becomes a comparable value for the
 * interpreted test and a prepared one for generated code.
 *
 *   OP1  an operand of another type than the field's is refused. One that the field cannot hold (a number out of range, a text that is
 *        too long) is in order like any other, and equals nothing.
 *   OP2  an operand for an f32 or f16 is rounded as a value is when it is stored, like the key of an index.
 */

import { isPlainObject, shown } from '../options/shown-value.ts'
import { byteCount, dateMs, isDate } from '../runtime/realms.ts'
import { fromHalf, isLenient, type Node, NUMBERS, type TextNode, textRoom, toHalf } from '../schema/index.ts'
import { type ComparableValue, codesOf, comparing } from './comparable.ts'
import type { Slot, TestName } from './condition.ts'
import { type EncodedText, encodedText } from './encoded-text.ts'
import type { QueriedField } from './queried-field.ts'
import { queryError } from './query-error.ts'

/** A value of a prepared query that is given when it runs. */
export interface GivenLater {
  readonly '~param': string
}

export function isParam(value: unknown): value is GivenLater {
  return isPlainObject(value) && typeof value['~param'] === 'string'
}

/** The bigint operand in two words, each a double: a higher and a lower one. Beyond the field's range the higher one is infinite. */
export interface WideWords {
  readonly high: number
  readonly low: number
}

/** An operand, ready for both kinds of tests. */
export interface Operand {
  /** A comparable value; for `among` a set or list of them; for masks a bigint or number. */
  readonly plain: ComparableValue | ReadonlySet<ComparableValue> | readonly Uint8Array[]
  /** For generated code; see each test in compiled-condition.ts. */
  readonly prepared: unknown
  /** Whether null passes, which only a parameter can ask for. */
  readonly isNull: boolean
  /** Of a text: its first word. */
  readonly mask: number
  readonly word: number
}

/** Reads the operands of a query. @param params values of its parameters, by name @throws ERR_STRIDE_QUERY */
export function readOperands(slots: readonly Slot[], params: Readonly<Record<string, unknown>>): Operand[] {
  return slots.map(slot => {
    const value = slot.param === undefined ? slot.given : params[slot.param]
    const { plain, prepared } = readOperand(slot, value)
    const { mask = 0, word = 0 } = slot.field.as === 'text' ? (prepared as Partial<EncodedText>) : {}
    const isNull = plain === null || (plain instanceof Set && plain.has(null))
    return { plain, prepared, isNull, mask, word }
  })
}

interface ReadOperand extends Pick<Operand, 'plain' | 'prepared'> {}

function readOperand({ test, field }: Slot, value: unknown): ReadOperand {
  if (test === 'among') return readList(field, value)
  if (test === 'hasAll' || test === 'hasAny') return readMask(test, field, value)
  if (value === null) {
    if (test === 'eq') return { plain: null, prepared: preparedNull(field) }
    throw refuse(field, test, `${test} takes ${expected(field)}, not null: ask with isNull`)
  }
  if (field.as === 'code') return codeOperand(test, field, value)
  refusePartTest(test, field, value)
  const plain = comparableOperand(field, value, test)
  if (field.as === 'text') {
    const text = plain as string
    const encoded = encodedText(field.node as TextNode, text)
    if (test === 'startsWith' && encoded.length > textRoom(field.node as TextNode)) {
      throw refuse(
        field,
        test,
        `startsWith takes at most the ${textRoom(field.node as TextNode)} bytes that the field has: ${shown(text)} takes ${encoded.length}`,
      )
    }
    // Half of a surrogate pair, say, is in no text of the field. Only in the order it has a place.
    const isOrder = test === 'gt' || test === 'gte' || test === 'lt' || test === 'lte'
    return { plain: encoded.isEncodable || isOrder ? text : new Set(), prepared: encoded }
  }
  if (field.as === 'bigint') return { plain, prepared: wideWords(field.node, plain as bigint) }
  return { plain, prepared: plain }
}

/** Numbers, say, have no beginning. @throws ERR_STRIDE_QUERY */
function refusePartTest(test: TestName, field: QueriedField, value: unknown): void {
  if (test !== 'startsWith' && test !== 'endsWith' && test !== 'contains') return
  if (field.as === 'text' || field.as === 'string' || (field.as === 'bytes' && test === 'contains')) return
  throw refuse(field, test, `${test} takes a text, for a field of texts: ${shown(value)}`)
}

function preparedNull(field: QueriedField): unknown {
  if (field.as === 'text') return NO_TEXT
  if (field.as === 'bigint') return { high: Number.NaN, low: 0 }
  if (field.as === 'bytes') return new Uint8Array(0)
  if (field.as !== 'code') return null
  const table = knownCodes(field.node, new Uint8Array(tableLength(field.node)))
  const ofNull = field.node.type === 'enum' ? codesOf(field.node).get(null) : undefined
  if (ofNull !== undefined) table[ofNull] = 1
  return table
}

const NO_TEXT: EncodedText = {
  bytes: new Uint16Array(0),
  length: 0,
  mask: 0,
  word: 1,
  isEncodable: false,
}

/** The comparable value of an operand. @throws ERR_STRIDE_QUERY */
function comparableOperand(field: QueriedField, value: unknown, test: TestName | 'in'): ComparableValue {
  switch (field.as) {
    case 'number':
      if (typeof value !== 'number') break
      return rounded(field.node, value)
    case 'bigint':
      if (typeof value !== 'bigint') break
      return value
    case 'time': {
      if (!isDate(value)) break
      const ms = dateMs(value)
      if (!Number.isNaN(ms)) return ms
      break
    }
    case 'text':
    case 'string':
      if (typeof value !== 'string') break
      return value
    case 'bytes': {
      const count = byteCount(value)
      if (count < 0 || !ArrayBuffer.isView(value)) break
      return Uint8Array.from(value as Uint8Array)
    }
    case 'none':
      throw refuse(field, test, `${test} compares single values: name a field or an element inside`)
    default:
  }
  throw refuse(field, test, `${test} takes ${expected(field)}: ${shown(value)}`)
}

function rounded(node: Node, value: number): number {
  if (node.type !== 'f32' && node.type !== 'f16') return value
  // A field refuses numbers beyond its largest one instead of rounding them to infinity.
  const { min, max } = NUMBERS[node.type]
  if (value < min || value > max) return value
  return node.type === 'f32' ? Math.fround(value) : fromHalf(toHalf(value))
}

function readList(field: QueriedField, value: unknown): ReadOperand {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) {
    throw refuse(field, 'in', `in takes an array of values: ${shown(value)}`)
  }
  const values: unknown[] = Array.from(value as ArrayLike<unknown>)
  if (values.includes(undefined)) throw refuse(field, 'in', 'an element of in is undefined')
  const present = values.filter(each => each !== null)
  const hasNull = present.length < values.length
  if (field.as === 'code') {
    const table = new Uint8Array(tableLength(field.node))
    const codes = new Set<ComparableValue>(present.map(each => codeFor(field, each, 'in')))
    for (const code of codes) table[code as number] = 1
    if (hasNull) codes.add(null)
    return { plain: codes, prepared: knownCodes(field.node, table) }
  }
  const plain = present.map(each => comparableOperand(field, each, 'in'))
  if (field.as === 'bytes') return { plain: plain as Uint8Array[], prepared: plain }
  // Of f32 and f16 the rounded values; -0 and 0 are one element of a Set.
  const set = new Set<ComparableValue>(plain)
  if (hasNull) set.add(null)
  if (field.as === 'text') {
    return { plain: set, prepared: plain.map(each => encodedText(field.node as TextNode, each as string)) }
  }
  return { plain: set, prepared: set }
}

/** A test of codes becomes the set of codes that pass it. */
function codeOperand(test: TestName, field: QueriedField, value: unknown): ReadOperand {
  const { node } = field
  const table = new Uint8Array(tableLength(node))
  const codes = new Set<ComparableValue>()
  const isText = test === 'startsWith' || test === 'endsWith' || test === 'contains'
  if (isText) {
    if (node.type !== 'enum' || typeof value !== 'string')
      throw refuse(field, test, `${test} takes a text, for a field of texts: ${shown(value)}`)
    for (const [text, code] of codesOf(node))
      if (typeof text === 'string' && text[TEXT_TESTS[test]](value)) codes.add(code)
  } else {
    const code = codeFor(field, value, test)
    const compare = comparing(node)
    for (let each = 0; each < table.length; each++) if (passes(test, compare(each, code))) codes.add(each)
  }
  for (const code of codes) table[code as number] = 1
  return { plain: codes, prepared: knownCodes(node, table) }
}

const TEXT_TESTS = { startsWith: 'startsWith', endsWith: 'endsWith', contains: 'includes' } as const

/** Whether a value that compares so with the operand passes the test. */
export function passes(test: TestName, order: number): boolean {
  switch (test) {
    case 'eq':
      return order === 0
    case 'gt':
      return order > 0
    case 'gte':
      return order >= 0
    case 'lt':
      return order < 0
    default:
      return order <= 0
  }
}

function codeFor(field: QueriedField, value: unknown, test: TestName | 'in'): number {
  const { node } = field
  if (node.type === 'boolean' && typeof value === 'boolean') return value ? 1 : 0
  const code = node.type === 'enum' && value !== null ? codesOf(node).get(value as never) : undefined
  if (code !== undefined) return code
  if (
    isLenient(node) &&
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= 0 &&
    value < tableLength(node)
  ) {
    return value
  }
  throw refuse(field, test, `${test} takes ${expected(field)}: ${shown(value)}`)
}

/** Codes beyond 16 bits are found by reading the value (compiled-condition.ts). */
function tableLength({ size }: Node): number {
  return size === 1 ? 256 : 65_536
}

/** Marks codes without a value as 2: they are damage. A literal null passes no test. */
function knownCodes(node: Node, table: Uint8Array): Uint8Array {
  if (isLenient(node)) return table
  const known = new Set<number>(node.type === 'enum' ? node.codes : [0, 1])
  for (let code = 0; code < table.length; code++) if (!known.has(code)) table[code] = 2
  if (node.type === 'enum') {
    const ofNull = codesOf(node).get(null)
    if (ofNull !== undefined) table[ofNull] = 0
  }
  return table
}

function readMask(test: TestName, field: QueriedField, value: unknown): ReadOperand {
  const { as, node } = field
  if (as === 'bigint' && typeof value === 'bigint') {
    return { plain: BigInt.asUintN(64, value), prepared: wideMask(value) }
  }
  const isInteger = as === 'number' && !['f16', 'f32', 'f64', 'decimal'].includes(node.type)
  if (isInteger && typeof value === 'number' && Number.isSafeInteger(value)) {
    const mask = BigInt.asUintN(64, BigInt(value))
    return { plain: mask, prepared: wideMask(mask) }
  }
  throw refuse(field, test, `${test} takes a mask of bits for a field of integers: ${shown(value)}`)
}

/** The words of a mask, as signed 32-bit integers. */
function wideMask(mask: bigint): WideWords {
  return { high: Number(BigInt.asIntN(32, mask >> 32n)), low: Number(BigInt.asIntN(32, mask)) }
}

function wideWords({ type }: Node, value: bigint): WideWords {
  const isSigned = type === 'i64'
  const stored = isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)
  if (stored !== value) {
    return { high: value < 0n ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, low: 0 }
  }
  return { high: Number(value >> 32n), low: Number(value & 0xffffffffn) }
}

/** What the field's values are, for messages. */
function expected({ as, node }: QueriedField): string {
  if (node.type === 'enum') return `one of ${node.values.slice(0, 12).map(shown).join(', ')}`
  if (node.type === 'boolean') return 'true or false'
  const words = {
    number: 'a number',
    bigint: 'a bigint',
    time: 'a valid Date',
    text: 'a text',
    string: 'a text',
    bytes: 'bytes',
    code: 'a value of the field',
    none: 'no value',
  }
  return words[as]
}

function refuse({ path }: QueriedField, _test: string, message: string): Error {
  return queryError(`The condition of '${path}': ${message}`, path)
}
