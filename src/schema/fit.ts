/**
 * Why does a value not fit its field? Reasons in the shape of Zod's issues.
 *
 *   FI1  reading gives back a value that was stored without issues, with two exceptions: f32 and f16 round, and an integer field
 *        stores -0 as 0.
 *   FI2  nothing is cut, wrapped or converted to make it fit.
 *   FI3  no code of the value runs, neither here nor while an error message shows it.
 * The plain codec calls this file to check a value (record-copy.ts). The compiled codec tests the same conditions in line, and calls it
 * only for the reasons.
 */

import { InvariantError, type Issue, StrideError } from '../errors.ts'
import { byteCount, dateMs, isDate } from '../runtime/realms.ts'
import {
  BIGINTS,
  type BooleanNode,
  type EnumNode,
  type EnumValue,
  isMeant,
  isNumber,
  isText,
  isWide,
  type Node,
  NUMBERS,
  type NumberNode,
  type TextNode,
} from './kinds.ts'
import { meaningOf } from './meanings-by-kind.ts'
import { type Reason, rangeReason, show, wrongType } from './reasons.ts'
import { textRoom } from './text-field.ts'

type Path = readonly PropertyKey[]

/** A field's node, and its path from the point where issues are collected. */
export interface Place {
  readonly node: Node
  readonly path: Path
}

/** Adds the reason why `value` cannot be stored at `place`. Not called for a container whose value has the right type. */
export function misfit(issues: Issue[] | null, place: Place, value: unknown): Issue[] {
  const { node, path } = place
  const reason =
    value === undefined
      ? { code: 'invalid_type', message: `expected ${describeKind(node)}, but it is missing` }
      : reasonAgainst(node, value)
  if (reason === null) throw new InvariantError(`a value that fits was refused: ${path.map(String).join('.')}`)
  return added(issues, { path, ...reason })
}

/** Adds that a list has another length than the tuple or array. */
export function wrongLength(issues: Issue[] | null, { node, path }: Place, length: unknown): Issue[] {
  const wanted = node.type === 'tuple' ? node.items.length : node.type === 'array' ? node.length : 0
  // A proxy may have any length.
  const isMore = typeof length === 'number' && length > wanted
  const message = `expected ${wanted} elements, got ${show(length)}`
  return added(issues, { path, code: isMore ? 'too_big' : 'too_small', message })
}

/** Adds that the object at this path has an unknown key. */
export function unknownKey(issues: Issue[] | null, path: Path, key: string): Issue[] {
  const message = `the schema has no such key: ${JSON.stringify(key)}`
  return added(issues, { path: [...path, key], code: 'unrecognized_keys', message })
}

/** Adds that a patch is no object. */
export function notChanges(): Issue[] {
  return [{ path: [], code: 'invalid_type', message: 'expected an object of changes' }]
}

/** Adds issues whose paths begin at `path`. */
export function inside(issues: Issue[] | null, path: Path, inner: readonly Issue[]): Issue[] {
  return inner.reduce<Issue[] | null>(
    (all, issue) => added(all, { ...issue, path: [...path, ...issue.path] }),
    issues,
  ) as Issue[]
}

function added(issues: Issue[] | null, issue: Issue): Issue[] {
  if (issues === null) return [issue]
  issues.push(issue)
  return issues
}

/** @returns the error for a refused record */
export function refusal(issues: readonly Issue[]): StrideError {
  const [first] = issues
  const field = first === undefined ? '' : first.path.map(String).join('.')
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  const where = field === '' ? 'The record' : `The field '${field}'`
  const message = `${where} does not fit: ${first?.message ?? 'refused'}${more}`
  return new StrideError('ERR_STRIDE_RECORD', message, field === '' ? { issues } : { field, issues })
}

/** Why a value cannot be stored; null if it can. Does not look into objects and lists. */
export function reasonAgainst(node: Node, value: unknown): Reason | null {
  if (isNumber(node)) return numberReason(node, value)
  if (isText(node)) return textReason(node, value)
  if (isMeant(node)) return meaningOf(node).reasonAgainst(value)
  const wrongKind = (): Reason => wrongType(describeKind(node), value)
  switch (node.type) {
    case 'object':
    case 'union':
      return isRecord(value) ? null : wrongKind()
    case 'tuple':
    case 'array':
      return Array.isArray(value) ? null : wrongKind()
    case 'u64':
    case 'i64':
      if (typeof value !== 'bigint') return wrongKind()
      return rangeReason(node.type, value, BIGINTS[node.type].min, BIGINTS[node.type].max)
    case 'boolean':
      return typeof value === 'boolean' || isRawCode(node, value) ? null : wrongKind()
    case 'date':
      if (!isDate(value)) return wrongKind()
      return Number.isNaN(dateMs(value)) ? { code: 'invalid_type', message: 'the date is invalid' } : null
    case 'enum':
      if (node.values.includes(value as EnumValue) || isRawCode(node, value)) return null
      return { ...wrongKind(), code: 'invalid_value' }
    case 'bytes': {
      const count = byteCount(value)
      if (count < 0) return wrongKind()
      if (count === node.length) return null
      const code = count > node.length ? 'too_big' : 'too_small'
      return { code, message: `expected ${node.length} bytes, got ${count}` }
    }
    default:
      return wrongKind()
  }
}

/** Whether a value is a code without another value, in a lenient field. */
export function isRawCode(node: BooleanNode | EnumNode, value: unknown): value is number {
  if (!node.lenient || typeof value !== 'number' || !Number.isInteger(value)) return false
  if (value < 0 || value >= 256 ** node.size) return false
  return !(node.type === 'boolean' ? [0, 1] : node.codes).includes(value)
}

/** Whether the value is an object that can have fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function numberReason(node: NumberNode, value: unknown): Reason | null {
  const { integer, min, max } = NUMBERS[node.type]
  if (typeof value !== 'number') return wrongType(describeKind(node), value)
  if (node.nonFinite && !Number.isFinite(value)) return null
  if (!Number.isFinite(value))
    return { code: 'invalid_type', message: `expected a finite number, got ${value}` }
  if (integer && !Number.isInteger(value))
    return { code: 'invalid_type', message: `expected an integer, got ${value}` }
  return rangeReason(node.type, value, min, max)
}

const NOT_ASCII = /[^\0-\x7f]/
const NOT_LATIN1 = /[^\0-\xff]/
const LONE_SURROGATE = /\p{Surrogate}/u

function textReason(node: TextNode, value: unknown): Reason | null {
  const { type, padding } = node
  if (typeof value !== 'string') return wrongType('a string', value)
  const invalid = (message: string): Reason => ({
    code: 'invalid_format',
    message: `${message}: ${show(value)}`,
  })
  if (type === 'ascii' && NOT_ASCII.test(value)) return invalid('ascii has no such character')
  if (type === 'latin1' && NOT_LATIN1.test(value)) return invalid('latin1 has no such character')
  if ((type === 'utf8' || isWide(node)) && LONE_SURROGATE.test(value))
    return invalid('half of a surrogate pair')
  const size = type === 'utf8' ? Buffer.byteLength(value) : value.length * (isWide(node) ? 2 : 1)
  const room = textRoom(node)
  if (size > room) return { code: 'too_big', message: `the text takes ${size} bytes, the field has ${room}` }
  const isEither = padding === 'either'
  if ((isEither || padding === 'zero') && value.includes('\0'))
    return invalid('text padded with NUL cannot contain it')
  if ((isEither || padding === 'space') && value.endsWith(' '))
    return invalid('text padded with spaces cannot end in one')
  return null
}

function describeKind(node: Node): string {
  switch (node.type) {
    case 'object':
    case 'union':
      return 'an object'
    case 'tuple':
      return `a tuple of ${node.items.length}`
    case 'array':
      return `an array of ${node.length}`
    case 'enum':
      return `one of ${node.values.slice(0, 10).map(show).join(', ')}${node.values.length > 10 ? ' …' : ''}`
    case 'bytes':
      return `a Uint8Array of ${node.length} bytes`
    case 'boolean':
      return 'a boolean'
    case 'date':
      return 'a Date'
    case 'u64':
    case 'i64':
      return 'a bigint'
    default:
      if (isMeant(node)) return meaningOf(node).expected
      return isText(node) ? 'a string' : 'a number'
  }
}
