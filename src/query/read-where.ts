/**
 * How does `where` become a condition? Every key is looked up, every operand is kept as it was given.
 *
 *   WH1  undefined is refused everywhere, and so is a field without an operator: without the condition a query would return more, and
 *        delete more.
 *   WH2  a key that is neither a field nor an operator is refused, with the nearest name.
 *   WH3  an object is copied as it is read; later changes of it change nothing.
 */

import { nearestName } from '../options/option-names.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import { dateMs, isDate } from '../runtime/realms.ts'
import type { Asked, Condition, Slot, TestName } from './condition.ts'
import { isParam } from './operand.ts'
import type { QueriedField, QueriedFields } from './queried-field.ts'
import { queryError } from './query-error.ts'

const TESTS: Readonly<Record<string, TestName>> = {
  eq: 'eq',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
  in: 'among',
  startsWith: 'startsWith',
  endsWith: 'endsWith',
  contains: 'contains',
  hasAll: 'hasAll',
  hasAny: 'hasAny',
}
const OPERATORS = [...Object.keys(TESTS), 'ne', 'notIn', 'between', 'isNull', 'isNotNull', 'NOT']
const LOGIC = ['AND', 'OR', 'NOT']
const DEPTH_MAX = 100

/** @param takesParams whether operands may be parameters @throws ERR_STRIDE_QUERY */
export function readWhere(where: unknown, fields: QueriedFields, takesParams = false): Asked {
  const reading = new WhereReading(fields, takesParams)
  const condition =
    where === undefined ? { kind: 'all' as const, parts: [] } : reading.object(where, 'where', 0)
  return { condition, slots: reading.slots }
}

class WhereReading {
  readonly slots: Slot[] = []
  readonly #fields: QueriedFields
  readonly #takesParams: boolean

  constructor(fields: QueriedFields, takesParams: boolean) {
    this.#fields = fields
    this.#takesParams = takesParams
  }

  /** An object of fields and logic: all its entries hold. */
  object(given: unknown, what: string, depth: number): Condition {
    if (!isPlainObject(given) || isParam(given)) {
      throw queryError(`${what} takes an object of fields and conditions: ${shown(given)}`)
    }
    if (depth > DEPTH_MAX) throw queryError(`${what} is nested more than ${DEPTH_MAX} deep`)
    const parts: Condition[] = []
    for (const key of Object.getOwnPropertyNames(given)) {
      const value = given[key]
      if (value === undefined) throw undefinedIn(key)
      if (LOGIC.includes(key) && !this.#isField(key)) parts.push(this.#logic(key, value, depth))
      else parts.push(this.#field(this.#named(key), value, depth))
    }
    return { kind: 'all', parts }
  }

  #logic(key: string, value: unknown, depth: number): Condition {
    const list = Array.isArray(value) ? Array.from(value as readonly unknown[]) : [value]
    if (key === 'OR' && !Array.isArray(value))
      throw queryError(`OR takes an array of conditions: ${shown(value)}`)
    const parts = list.map((each, i) => {
      if (each === undefined) throw undefinedIn(`${key}[${i}]`)
      return this.object(each, key, depth + 1)
    })
    if (key === 'OR') return { kind: 'any', parts }
    if (key === 'AND') return { kind: 'all', parts }
    // Prisma, Drizzle and others read an array as none of them.
    return { kind: 'not', part: { kind: 'any', parts } }
  }

  #field(field: QueriedField, value: unknown, depth: number): Condition {
    if (!isPlainObject(value) || isParam(value)) return this.#test('eq', field, value)
    const members = this.#fields.members(field)
    const parts: Condition[] = []
    const keys = Object.getOwnPropertyNames(value)
    if (keys.length === 0) throw queryError(`the condition of '${field.path}' is empty`, field.path)
    for (const key of keys) {
      const operand = value[key]
      if (operand === undefined) throw undefinedIn(`${field.path}.${key}`, field.path)
      const member = members.get(key)
      if (member !== undefined) parts.push(this.#field(this.#fields.find(member), operand, depth + 1))
      else parts.push(this.#operator(key, field, operand, depth, members))
    }
    return { kind: 'all', parts }
  }

  #operator(
    key: string,
    field: QueriedField,
    operand: unknown,
    depth: number,
    members: ReadonlyMap<string, string>,
  ): Condition {
    const { path } = field
    switch (key) {
      case 'ne':
        return { kind: 'not', part: this.#test('eq', field, operand) }
      case 'notIn':
        return { kind: 'not', part: this.#test('among', field, operand) }
      case 'NOT':
        if (depth > DEPTH_MAX) throw queryError(`where is nested more than ${DEPTH_MAX} deep`)
        return { kind: 'not', part: this.#field(field, operand, depth + 1) }
      case 'isNull':
      case 'isNotNull': {
        if (typeof operand !== 'boolean')
          throw queryError(`${key} of '${path}' takes true or false: ${shown(operand)}`, path)
        const isNull: Condition = { kind: 'null', field }
        return operand === (key === 'isNull') ? isNull : { kind: 'not', part: isNull }
      }
      case 'between': {
        const ends: unknown[] = Array.isArray(operand) ? Array.from(operand as readonly unknown[]) : []
        if (ends.length !== 2) throw queryError(`between of '${path}' takes an array of two values`, path)
        if (ends.includes(undefined)) throw undefinedIn(`${path}.between`, path)
        return { kind: 'all', parts: [this.#test('gte', field, ends[0]), this.#test('lte', field, ends[1])] }
      }
      default: {
        const test = Object.hasOwn(TESTS, key) ? TESTS[key] : undefined
        if (test !== undefined) return this.#test(test, field, operand)
        const near = nearestName(key, [...OPERATORS, ...members.keys()])
        const hint = near === undefined ? `known are ${OPERATORS.join(', ')}` : `did you mean '${near}'?`
        throw queryError(`'${path}' has no operator '${key}': ${hint}`, path)
      }
    }
  }

  #test(test: TestName, field: QueriedField, given: unknown): Condition {
    const { path } = field
    if (given === null && test === 'eq') return { kind: 'null', field }
    if ((test === 'hasAll' || test === 'hasAny') && field.as === 'none')
      return this.#elements(test, field, given)
    const isList = field.node.type === 'array' || field.node.type === 'tuple'
    if (isList && test === 'eq') return this.#whole(field, given)
    if (isList && test === 'among' && Array.isArray(given)) {
      const each = Array.from(given as readonly unknown[])
      if (each.includes(undefined)) throw undefinedIn(`${path}.in`, path)
      return { kind: 'any', parts: each.map(value => this.#test('eq', field, value)) }
    }
    if (!isParam(given)) {
      const slot = { test, field, given: copied(given), param: undefined }
      // A list may contain null, which is a test of its own.
      const isNullToo = test === 'among' && Array.isArray(given) && given.includes(null)
      const asked: Condition = { kind: 'test', test, field, slot: this.slots.push(slot) - 1 }
      return isNullToo ? { kind: 'any', parts: [{ kind: 'null', field }, asked] } : asked
    }
    if (!this.#takesParams) {
      throw queryError(`'${path}' is compared with a parameter: only prepare takes them`, path)
    }
    const slot = { test, field, given: undefined, param: given['~param'] }
    return { kind: 'test', test, field, slot: this.slots.push(slot) - 1 }
  }

  /** A tuple or an array is equal if each of its elements is. */
  #whole(field: QueriedField, given: unknown): Condition {
    const { path } = field
    const elements = this.#fields.elements(field)
    if (!Array.isArray(given) || given.length !== elements.length) {
      throw queryError(`eq of '${path}' takes an array of ${elements.length} values: ${shown(given)}`, path)
    }
    const values = Array.from(given as readonly unknown[])
    if (values.includes(undefined)) throw undefinedIn(path, path)
    const isThere: Condition = { kind: 'not', part: { kind: 'null', field } }
    return { kind: 'all', parts: [isThere, ...elements.map((each, i) => this.#test('eq', each, values[i]))] }
  }

  /** A list of values among the elements of a tuple or an array. */
  #elements(test: 'hasAll' | 'hasAny', field: QueriedField, given: unknown): Condition {
    const { path, node } = field
    if (node.type !== 'array' && node.type !== 'tuple')
      throw queryError(`${test} of '${path}' needs bits, a tuple or an array`, path)
    if (isParam(given)) throw queryError(`${test} of '${path}' takes no parameter: it is a list`, path)
    if (!Array.isArray(given)) throw queryError(`${test} of '${path}' takes an array of elements`, path)
    const values = Array.from(given as readonly unknown[])
    if (values.includes(undefined)) throw undefinedIn(`${path}.${test}`, path)
    const elements = this.#fields.elements(field)
    const parts = values.map(
      (value): Condition => ({ kind: 'any', parts: elements.map(each => this.#test('eq', each, value)) }),
    )
    return { kind: test === 'hasAll' ? 'all' : 'any', parts }
  }

  #isField(key: string): boolean {
    return this.#fields.layout.root.members.some(({ name }) => name === key)
  }

  #named(key: string): QueriedField {
    try {
      return this.#fields.find(key)
    } catch (error) {
      const near = nearestName(key, LOGIC)
      if (near === undefined || near.toLowerCase() !== key.toLowerCase()) throw error
      throw queryError(`there is no field '${key}': did you mean ${near}?`, key)
    }
  }
}

/** A copy of an operand that the caller could change later. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value as readonly unknown[])
  if (isDate(value)) return new Date(dateMs(value))
  if (ArrayBuffer.isView(value)) return Uint8Array.prototype.slice.call(value)
  return value
}

function undefinedIn(key: string, field?: string): Error {
  return queryError(
    `the condition of '${key}' is undefined, which would ask for more: leave it out, or ask with isNull`,
    field ?? key,
  )
}
