/**
 * Which results of an aggregate are given, and in which order? `having`, `orderBy`, `limit` and `offset` over finished results.
 */

import { nearestName } from '../options/option-names.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import { dateMs, isDate } from '../runtime/realms.ts'
import type { ResultRow } from './aggregation.ts'
import { compareCodePoints } from './comparable.ts'
import { readDirections } from './ordering.ts'
import { queryError } from './query-error.ts'

/** Compares two values of one column: null first, NaN last. */
export function compareResults(a: unknown, b: unknown): number {
  const x = comparable(a)
  const y = comparable(b)
  if (x === null || y === null) return Number(x !== null) - Number(y !== null)
  if (typeof x === 'string' && typeof y === 'string') return compareCodePoints(x, y)
  if (x < y) return -1
  if (x > y) return 1
  if (x === y) return 0
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
}

function comparable(value: unknown): number | bigint | string | null {
  if (value === null || value === undefined) return null
  if (isDate(value)) return dateMs(value)
  if (typeof value === 'boolean') return Number(value)
  return value as number | bigint | string
}

/** Sorts rows by names of their columns. The sort is stable. @throws ERR_STRIDE_QUERY */
export function resultOrder(given: unknown, names: readonly string[]): (rows: ResultRow[]) => ResultRow[] {
  const directions = readDirections(given)
  for (const [name] of directions) known(name, names, 'orderBy')
  if (directions.length === 0) return rows => rows
  return rows =>
    rows.sort((a, b) => {
      for (const [name, isDescending] of directions) {
        const order = compareResults(a[name], b[name])
        if (order !== 0) return isDescending ? -order : order
      }
      return 0
    })
}

type Keeps = (row: ResultRow) => boolean
type Passes = (value: unknown) => boolean

/** Reads `having`. @throws ERR_STRIDE_QUERY */
export function readHaving(given: unknown, names: readonly string[]): Keeps {
  if (given === undefined) return () => true
  if (!isPlainObject(given)) throw queryError(`having takes an object of conditions: ${shown(given)}`)
  const parts = Object.getOwnPropertyNames(given).map((key): Keeps => {
    const value = given[key]
    if (value === undefined) throw queryError(`the condition of '${key}' in having is undefined`)
    if (!names.includes(key) && (key === 'AND' || key === 'OR' || key === 'NOT')) {
      const list = (Array.isArray(value) ? Array.from(value as readonly unknown[]) : [value]).map(each =>
        readHaving(each ?? null, names),
      )
      if (key === 'AND') return row => list.every(keeps => keeps(row))
      if (key === 'OR') return row => list.some(keeps => keeps(row))
      return row => !list.some(keeps => keeps(row))
    }
    known(key, names, 'having')
    const passes = readTests(key, value)
    return row => passes(row[key])
  })
  return row => parts.every(keeps => keeps(row))
}

function readTests(name: string, given: unknown): Passes {
  if (!isPlainObject(given)) return test(name, 'eq', given)
  const parts = Object.getOwnPropertyNames(given).map(key => test(name, key, given[key]))
  return value => parts.every(passes => passes(value))
}

const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'notIn', 'between', 'isNull', 'isNotNull', 'NOT']

function test(name: string, key: string, operand: unknown): Passes {
  if (operand === undefined) throw queryError(`the condition ${key} of '${name}' in having is undefined`)
  const order = (passes: (order: number) => boolean, than: unknown): Passes => {
    if (than === null) throw queryError(`${key} of '${name}' in having takes a value, not null`)
    const isFit = (value: unknown): boolean => comparable(value) !== null && !Number.isNaN(comparable(value))
    return value => isFit(value) && isFit(than) && passes(compareResults(value, than))
  }
  const same: Passes = value => compareResults(value, operand) === 0
  switch (key) {
    case 'eq':
      return same
    case 'ne':
      return value => !same(value)
    case 'gt':
      return order(each => each > 0, operand)
    case 'gte':
      return order(each => each >= 0, operand)
    case 'lt':
      return order(each => each < 0, operand)
    case 'lte':
      return order(each => each <= 0, operand)
    case 'in':
    case 'notIn': {
      if (!Array.isArray(operand)) throw queryError(`${key} of '${name}' in having takes an array`)
      const list = Array.from(operand as readonly unknown[])
      const isIn: Passes = value => list.some(each => compareResults(value, each) === 0)
      return key === 'in' ? isIn : value => !isIn(value)
    }
    case 'between': {
      const [low, high] = Array.isArray(operand) ? (operand as readonly unknown[]) : []
      const isAbove = order(each => each >= 0, low ?? null)
      const isBelow = order(each => each <= 0, high ?? null)
      return value => isAbove(value) && isBelow(value)
    }
    case 'isNull':
      return value => (comparable(value) === null) === (operand === true)
    case 'isNotNull':
      return value => (comparable(value) !== null) === (operand === true)
    case 'NOT': {
      const passes = readTests(name, operand)
      return value => !passes(value)
    }
    default: {
      const near = nearestName(key, OPERATORS)
      const hint = near === undefined ? `known are ${OPERATORS.join(', ')}` : `did you mean '${near}'?`
      throw queryError(`'${name}' in having has no operator '${key}': ${hint}`)
    }
  }
}

function known(name: string, names: readonly string[], what: string): void {
  if (names.includes(name)) return
  const near = nearestName(name, names)
  throw queryError(
    `${what} names '${name}', which is not in the result${near === undefined ? '' : `: did you mean '${near}'?`}`,
  )
}
