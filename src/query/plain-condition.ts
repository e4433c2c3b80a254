/**
 * Does a record meet a condition? The reference: values are read through the codec and compared one by one. It runs where generating
 * code is forbidden, and for few records.
 *
 * The same as generated code: compiled-condition.ts.
 */

import type { Codec } from '../schema/index.ts'
import { hasBytes } from './byte-tests.ts'
import { type ComparableValue, comparableReader, comparing } from './comparable.ts'
import type { Condition, Test } from './condition.ts'
import { type Operand, passes } from './operand.ts'

/** Whether the record at `at` meets the condition. */
export type Meets = (view: DataView, bytes: Buffer, at: number) => boolean

export function plainCondition(codec: Codec, condition: Condition, operands: readonly Operand[]): Meets {
  switch (condition.kind) {
    case 'all': {
      const parts = condition.parts.map(part => plainCondition(codec, part, operands))
      if (parts.length === 1) return parts[0] as Meets
      return (view, bytes, at) => parts.every(meets => meets(view, bytes, at))
    }
    case 'any': {
      const parts = condition.parts.map(part => plainCondition(codec, part, operands))
      return (view, bytes, at) => parts.some(meets => meets(view, bytes, at))
    }
    case 'not': {
      const meets = plainCondition(codec, condition.part, operands)
      return (view, bytes, at) => !meets(view, bytes, at)
    }
    case 'null': {
      const read = comparableReader(codec, condition.field)
      if (condition.field.as !== 'none') return (view, bytes, at) => read(view, bytes, at) === null
      return (view, bytes, at) => (read(view, bytes, at) ?? null) === null
    }
    case 'test': {
      const read = comparableReader(codec, condition.field)
      const test = plainTest(condition, operands[condition.slot] as Operand)
      return (view, bytes, at) => test(read(view, bytes, at))
    }
  }
}

function plainTest({ test, field }: Test, { plain }: Operand): (value: ComparableValue) => boolean {
  if (plain === null) return value => value === null
  if (plain instanceof Set) return value => plain.has(value)
  if (Array.isArray(plain)) {
    return value => value !== null && plain.some(each => Buffer.compare(each, value as Uint8Array) === 0)
  }
  switch (test) {
    case 'startsWith':
      return value => value !== null && (value as string).startsWith(plain as string)
    case 'endsWith':
      return value => value !== null && (value as string).endsWith(plain as string)
    case 'contains':
      if (plain instanceof Uint8Array) {
        return value => value !== null && hasBytes(value as Uint8Array, 0, (value as Uint8Array).length, plain)
      }
      return value => value !== null && (value as string).includes(plain as string)
    case 'hasAll':
      return value => value !== null && (bitsOf(value) & (plain as bigint)) === plain
    case 'hasAny':
      return value => value !== null && (bitsOf(value) & (plain as bigint)) !== 0n
    default: {
      const compare = comparing(field.node)
      const operand = plain as ComparableValue
      const isOrder = test !== 'eq'
      // NaN is in no order, and equals NaN.
      if (isOrder && Number.isNaN(operand)) return () => false
      return value =>
        value !== null && !(isOrder && Number.isNaN(value)) && passes(test, compare(value, operand))
    }
  }
}

function bitsOf(value: ComparableValue): bigint {
  return BigInt.asUintN(64, typeof value === 'bigint' ? value : BigInt(value as number))
}
