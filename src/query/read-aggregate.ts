/**
 * How are `select`, `groupBy` and `having` of an aggregate read?
 */

import { nearestName } from '../options/option-names.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import type { Aggregate } from './accumulators.ts'
import type { QueriedField, QueriedFields } from './queried-field.ts'
import { queryError } from './query-error.ts'

const KINDS = ['count', 'sum', 'min', 'max', 'avg', 'distinct', 'quantile', 'first', 'last'] as const
type Kind = (typeof KINDS)[number]

/** @throws ERR_STRIDE_QUERY */
export function readAggregates(select: unknown, fields: QueriedFields): readonly Aggregate[] {
  if (!isPlainObject(select)) throw queryError(`select takes an object of aggregates: ${shown(select)}`)
  const names = Object.getOwnPropertyNames(select)
  if (names.length === 0) throw queryError('select names no aggregate')
  return names.map(name => {
    const given = select[name]
    const kinds = isPlainObject(given) ? Object.getOwnPropertyNames(given) : []
    if (kinds.length !== 1) {
      throw queryError(`select of '${name}' takes one aggregate, { sum: 'price' }: ${shown(given)}`)
    }
    const [kind] = kinds as [string]
    return readAggregate(name, kind, (given as Readonly<Record<string, unknown>>)[kind], fields)
  })
}

function readAggregate(name: string, kind: string, operand: unknown, fields: QueriedFields): Aggregate {
  if (!KINDS.includes(kind as Kind)) {
    const near = nearestName(kind, KINDS)
    const hint = near === undefined ? `known are ${KINDS.join(', ')}` : `did you mean '${near}'?`
    throw queryError(`select of '${name}' has no aggregate '${kind}': ${hint}`)
  }
  if (kind === 'count' && operand === true) return { name, kind, field: undefined, share: 0 }
  const [path, share] = kind === 'quantile' ? readQuantile(name, operand) : [operand, 0]
  const field = fields.find(path)
  checkField(name, kind as Kind, field)
  return { name, kind: kind as Kind, field, share }
}

function readQuantile(name: string, operand: unknown): [path: unknown, share: number] {
  const [path, share]: unknown[] = Array.isArray(operand) ? Array.from(operand as readonly unknown[]) : []
  if (typeof share === 'number' && share >= 0 && share <= 1) return [path, share]
  throw queryError(`select of '${name}': quantile takes a field and a number from 0 to 1, ['price', 0.99]`)
}

function checkField(name: string, kind: Kind, { as, path }: QueriedField): void {
  const takesAny = kind === 'first' || kind === 'last'
  const takesNumbers = kind === 'sum' || kind === 'avg'
  if (as === 'none' && !takesAny && kind !== 'count') {
    throw queryError(`select of '${name}': ${kind} needs single values, and '${path}' has others inside`, path)
  }
  if (takesNumbers && as !== 'number' && as !== 'bigint') {
    throw queryError(`select of '${name}': ${kind} needs numbers, and '${path}' has none`, path)
  }
  if (kind === 'quantile' && as !== 'number' && as !== 'bigint' && as !== 'time') {
    throw queryError(`select of '${name}': quantile needs numbers or times, and '${path}' has none`, path)
  }
}

/** @throws ERR_STRIDE_QUERY */
export function readGroupBy(
  given: readonly string[] | undefined,
  fields: QueriedFields,
): readonly QueriedField[] {
  return (given ?? []).map(path => {
    const field = fields.find(path)
    if (field.as === 'none')
      throw queryError(`groupBy takes fields with single values, and '${path}' has others inside`, path)
    return field
  })
}
