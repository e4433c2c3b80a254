/**
 * Why does a value not fit its field? Every reason at once, in the shape of Zod's issues.
 *
 *   F1  a value without issues is stored so that reading gives it back (f32 rounds; that is all).
 *   F2  nothing is cut, wrapped or converted to make it fit.
 * This is the reference: the compiled codec tests the same conditions in line, and comes here for the reasons.
 */

import { type Issue, StrideError } from '../errors.ts'
import {
  BIGINTS,
  type BigIntType,
  isNumber,
  isText,
  type Node,
  NUMBERS,
  type NumberNode,
  type ObjectNode,
  type TextNode,
} from './kinds.ts'

type Path = readonly PropertyKey[]

/** Appends to `issues` every reason why `value` cannot be stored in `node`; defaults are already filled in. */
export function collectIssues(node: Node, value: unknown, path: Path, issues: Issue[]): void {
  if (value === null && node.nullable) return
  if (value === undefined) {
    if (!node.optional)
      issues.push(issue(path, 'invalid_type', `expected ${describeKind(node)}, but it is missing`))
    return
  }
  switch (node.type) {
    case 'object':
      objectIssues(node, value, path, issues)
      return
    case 'tuple':
      if (!isListOf(value, node.items.length, node, path, issues)) return
      for (const [i, item] of node.items.entries()) collectIssues(item, value[i], [...path, i], issues)
      return
    case 'array':
      if (!isListOf(value, node.length, node, path, issues)) return
      for (let i = 0; i < node.length; i++) collectIssues(node.element, value[i], [...path, i], issues)
      return
    default: {
      const reason = leafReason(node, value)
      if (reason !== null) issues.push(issue(path, reason.code, reason.message))
    }
  }
}

/** Own value of a key: a field named like something on Object.prototype must not find that. */
export function memberValue(record: object, name: string): unknown {
  if (name in Object.prototype && !Object.hasOwn(record, name)) return undefined
  return (record as Record<string, unknown>)[name]
}

/** Keys of `record` that the object has no field for. */
export function unknownKeys(node: ObjectNode, record: object): string[] {
  const unknown: string[] = []
  for (const key in record) {
    if (!node.members.some(member => member.name === key)) unknown.push(key)
  }
  return unknown
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

function objectIssues(node: ObjectNode, value: unknown, path: Path, issues: Issue[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push(issue(path, 'invalid_type', `expected an object, got ${show(value)}`))
    return
  }
  for (const { name, node: child } of node.members) {
    collectIssues(child, memberValue(value, name), [...path, name], issues)
  }
  if (node.loose) return
  for (const key of unknownKeys(node, value)) {
    issues.push(
      issue([...path, key], 'unrecognized_keys', `the schema has no such key: ${JSON.stringify(key)}`),
    )
  }
}

function isListOf(value: unknown, length: number, node: Node, path: Path, issues: Issue[]): value is unknown[] {
  if (!Array.isArray(value)) {
    issues.push(issue(path, 'invalid_type', `expected ${describeKind(node)}, got ${show(value)}`))
    return false
  }
  if (value.length === length) return true
  const code = value.length > length ? 'too_big' : 'too_small'
  issues.push(issue(path, code, `expected ${length} elements, got ${value.length}`))
  return false
}

interface Reason {
  readonly code: string
  readonly message: string
}

function leafReason(node: Node, value: unknown): Reason | null {
  if (isNumber(node)) return numberReason(node, value)
  if (isText(node)) return textReason(node, value)
  const wrongType = { code: 'invalid_type', message: `expected ${describeKind(node)}, got ${show(value)}` }
  switch (node.type) {
    case 'u64':
    case 'i64':
      if (typeof value !== 'bigint') return wrongType
      return bigintReason(node.type, value)
    case 'boolean':
      return typeof value === 'boolean' ? null : wrongType
    case 'date': {
      if (!(value instanceof Date)) return wrongType
      return Number.isNaN(value.getTime()) ? { code: 'invalid_type', message: 'the date is invalid' } : null
    }
    case 'enum':
      return node.values.includes(value as string) ? null : { ...wrongType, code: 'invalid_value' }
    case 'bytes': {
      if (!(value instanceof Uint8Array)) return wrongType
      if (value.length === node.length) return null
      const code = value.length > node.length ? 'too_big' : 'too_small'
      return { code, message: `expected ${node.length} bytes, got ${value.length}` }
    }
    default:
      return wrongType
  }
}

function numberReason(node: NumberNode, value: unknown): Reason | null {
  const { integer, min, max } = NUMBERS[node.type]
  if (typeof value !== 'number') {
    return { code: 'invalid_type', message: `expected ${describeKind(node)}, got ${show(value)}` }
  }
  if (node.nonFinite && !Number.isFinite(value)) return null
  if (!Number.isFinite(value))
    return { code: 'invalid_type', message: `expected a finite number, got ${value}` }
  if (integer && !Number.isInteger(value))
    return { code: 'invalid_type', message: `expected an integer, got ${value}` }
  if (value < min) return { code: 'too_small', message: `${node.type} reaches down to ${min}, got ${value}` }
  if (value > max) return { code: 'too_big', message: `${node.type} reaches up to ${max}, got ${value}` }
  return null
}

function bigintReason(type: BigIntType, value: bigint): Reason | null {
  const { min, max } = BIGINTS[type]
  if (value < min) return { code: 'too_small', message: `${type} reaches down to ${min}, got ${value}` }
  if (value > max) return { code: 'too_big', message: `${type} reaches up to ${max}, got ${value}` }
  return null
}

const NOT_ASCII = /[^\0-\x7f]/
const NOT_LATIN1 = /[^\0-\xff]/
const LONE_SURROGATE = /\p{Surrogate}/u

function textReason(node: TextNode, value: unknown): Reason | null {
  const { type, length, padding } = node
  if (typeof value !== 'string')
    return { code: 'invalid_type', message: `expected a string, got ${show(value)}` }
  const invalid = (message: string): Reason => ({
    code: 'invalid_format',
    message: `${message}: ${show(value)}`,
  })
  if (type === 'ascii' && NOT_ASCII.test(value)) return invalid('ascii has no such character')
  if (type === 'latin1' && NOT_LATIN1.test(value)) return invalid('latin1 has no such character')
  if (type === 'utf8' && LONE_SURROGATE.test(value)) return invalid('half of a surrogate pair')
  const size = type === 'utf8' ? Buffer.byteLength(value) : value.length
  if (size > length)
    return { code: 'too_big', message: `the text takes ${size} bytes, the field has ${length}` }
  if (padding === 'zero' && value.includes('\0')) return invalid('text padded with NUL cannot contain it')
  if (padding === 'space' && value.endsWith(' ')) return invalid('text padded with spaces cannot end in one')
  return null
}

function describeKind(node: Node): string {
  switch (node.type) {
    case 'object':
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
      return isText(node) ? 'a string' : 'a number'
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return 'an array'
  return `an object (${value.constructor?.name ?? 'no class'})`
}

function issue(path: Path, code: string, message: string): Issue {
  return { path, code, message }
}
