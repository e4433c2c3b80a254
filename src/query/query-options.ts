/**
 * Which options do queries take? One row an option. What `where`, `select` and the others may contain is read in the other files of this
 * folder.
 */

import { abortSignal, flag, whole } from '../options/option-kinds.ts'
import { Option, type OptionRows, OptionTable, type Settled } from '../options/option-table.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'

const conditions = new Option<object>('an object of conditions', (value, name) => {
  if (isPlainObject(value)) return value
  throw new TypeError(`${name} must be an object of conditions: ${shown(value)}`)
})

const fieldPaths = new Option<readonly string[]>('an array of field paths', (value, name) => {
  const paths = Array.isArray(value) ? Array.from(value as readonly unknown[]) : []
  if (paths.length > 0 && paths.every(path => typeof path === 'string')) return Object.freeze(paths)
  throw new TypeError(`${name} must be an array of field paths: ${shown(value)}`)
})

const directions = new Option<object>('an object of directions, or an array of them', (value, name) => {
  if (isPlainObject(value) || (Array.isArray(value) && value.every(isPlainObject))) return value
  throw new TypeError(`${name} must be an object of directions, { price: 'desc' }: ${shown(value)}`)
})

const aggregates = new Option<object>('an object of aggregates', (value, name) => {
  if (isPlainObject(value)) return value
  throw new TypeError(`${name} must be an object of aggregates: ${shown(value)}`)
})

const finite = new Option<number>('a finite number', (value, name) => {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a finite number: ${shown(value)}`)
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number: ${value}`)
  return value
})

/** Rows of a query's options. */
export const QUERY = new OptionTable('QueryOptions', {
  /** Which records: conditions by the paths of fields, and AND, OR, NOT. */
  where: conditions.asCondition('all records'),
  /** The fields of the results, by their paths. */
  select: fieldPaths.orElse('whole records'),
  /** In which order: 'asc' or 'desc' by the paths of fields. */
  orderBy: directions.orElse('by record number'),
  /** At most so many results. */
  limit: whole({ orInfinity: true }).or(Number.POSITIVE_INFINITY),
  /** How many results are left out first. */
  offset: whole().or(0),
})

/** Rows of an aggregate's options. */
export const AGGREGATE = new OptionTable('AggregateOptions', {
  /** Which records: conditions by the paths of fields, and AND, OR, NOT. */
  where: conditions.asCondition('all records'),
  /** One result for each combination of values of these fields. */
  groupBy: fieldPaths.orElse('one result'),
  /** The aggregates, by the names that they have in the result. */
  select: aggregates.required(),
  /** Which results: conditions by their names. */
  having: conditions.asCondition('all results'),
  /** In which order: 'asc' or 'desc' by names of the result. */
  orderBy: directions.orElse('in the order of the first record of each group'),
  /** At most so many results. */
  limit: whole({ orInfinity: true }).or(Number.POSITIVE_INFINITY),
  /** How many results are left out first. */
  offset: whole().or(0),
  /** More groups than this are refused. */
  maxGroups: whole({ min: 1 }).or(1_000_000),
})

/** Rows of a histogram's options. */
export const HISTOGRAM = new OptionTable('HistogramOptions', {
  /** How many bins. */
  bins: whole({ min: 1, max: 1_000_000 }).or(20),
  /** Where the first bin begins; of a date in milliseconds. */
  min: finite.orElse('the lowest value'),
  /** Where the last bin ends. */
  max: finite.orElse('the highest value'),
  /** Which records: conditions by the paths of fields, and AND, OR, NOT. */
  where: conditions.asCondition('all records'),
})

/** Rows of the options of `updateWhere` and `deleteWhere`. */
export const CHANGE_WHERE = new OptionTable('ChangeWhereOptions', {
  /** Whether an empty `where` may change all records. */
  all: flag.or(false),
})

/** Rows of the options of `batches`. */
export const BATCHES = new OptionTable('BatchOptions', {
  /** At most so many results in a batch. */
  rows: whole({ min: 1, unit: 'records' }).or(10_000),
  /** Ends the loop with the signal's reason. */
  signal: abortSignal.orElse('no signal'),
})

/** Reads options. An error has the code ERR_STRIDE_QUERY, too. @throws TypeError, RangeError */
export function readQueryOptions<Rows extends OptionRows>(
  table: OptionTable<Rows>,
  given: unknown,
  call: string,
): Settled<Rows> {
  try {
    return table.read(given, call)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      Object.assign(error, { code: 'ERR_STRIDE_QUERY' })
    throw error
  }
}
