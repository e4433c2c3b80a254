/**
 * Aggregates and histograms by chance over generated records, compared with what a naive reader makes of the records that `get` gives.
 *
 * Runs in a test and, where code generation is forbidden, in a process of its own.
 */

import { deepStrictEqual, ok } from 'node:assert/strict'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { openStore } from 'stridedb'
import {
  compareAt,
  type Fields,
  ID,
  type Place,
  pick,
  type Subject,
  subject,
  valueAt,
  where,
} from './generated-questions.ts'

interface Asked {
  aggregate(options: object): Fields | Fields[]
  histogram(path: string, options: object): Histogram
}
interface Histogram {
  readonly edges: Float64Array
  readonly counts: Float64Array
  readonly nulls: number
  readonly below: number
  readonly above: number
}

/** @throws AssertionError where an answer is wrong */
export async function askAggregates(
  folder: string,
  options: { readonly numRuns: number; readonly seed: number },
): Promise<void> {
  let run = 0
  const property = fc.property(fc.gen(), g => {
    const of = g(() => subject)
    const some = g(fc.array, of.record, { minLength: 12, maxLength: 12 })
    const spread = g(fc.nat, { max: 1000 })
    const count = pick(g, [0, 1, 20, 420])
    const store = openStore(`${folder}/${run++}.stride`, of.schema, { backend: 'memory' })
    try {
      for (let id = 0; id < count; id++) {
        store.append({ ...some[(id * id + id * spread) % some.length], id } as never)
      }
      store.commitSync()
      if (count > 10) store.delete(3)
      const records = Array.from({ length: store.size }, (_, n) => n)
        .filter(n => store.has(n))
        .map(n => store.get(n) as Fields)
      for (let i = 0; i < 6; i++) compareAggregate(g, store as never, records, of)
      for (let i = 0; i < 3; i++) compareHistogram(g, store as never, records, of)
    } finally {
      store.close()
    }
  })
  const { failed, seed, errorInstance } = await fc.check(property, { ...options, endOnFailure: true })
  if (failed) throw new Error(`STRIDEDB_SEED=${seed}, run ${run}`, { cause: errorInstance })
}

const isNone = (value: unknown): boolean => value === null || value === undefined

function compareAggregate(
  g: fc.GeneratorValue,
  store: Asked,
  records: readonly Fields[],
  { places, ...of }: Subject,
): void {
  const [asked, meets] = g(fc.boolean) ? [{}, () => true] : where(g, { places, ...of })
  const groupBy = [...new Set(Array.from({ length: g(fc.nat, { max: 2 }) }, () => pick(g, places)))]
  const place = pick(g, places)
  const { path } = place
  const select = {
    n: { count: true },
    some: { count: path },
    sum: { sum: 'k' },
    mean: { avg: 'id' },
    low: { min: path },
    high: { max: path },
    kinds: { distinct: path },
    half: { quantile: ['k', 0.5] },
    first: { first: path },
    last: { last: path },
  }
  const least = g(fc.nat, { max: 30 })
  const direction = pick(g, ['asc', 'desc'] as const)
  const [limit, offset] = [pick(g, [0, 1, 5, Number.POSITIVE_INFINITY]), pick(g, [0, 0, 1, 4])]
  const isGrouped = groupBy.length > 0
  const having = isGrouped ? { n: { gte: least }, NOT: { sum: { eq: 7 } } } : {}
  const shaped = isGrouped ? { orderBy: { n: direction }, limit, offset } : {}
  const paths = isGrouped ? { groupBy: groupBy.map(each => each.path) } : {}
  const options = { where: asked, ...paths, select, having, ...shaped }
  const found = records.filter(meets)
  const groups: Fields[][] = isGrouped ? [] : [found]
  for (const record of isGrouped ? found : []) {
    const group = groups.find(([first]) =>
      groupBy.every(each => compareAt(each, first as Fields, record) === 0),
    )
    if (group === undefined) groups.push([record])
    else group.push(record)
  }
  const sign = direction === 'asc' ? 1 : -1
  const expected = !isGrouped
    ? groups
    : groups
        .filter(group => group.length >= least && sumOf(group, 'k') !== 7)
        .sort((a, b) => sign * (a.length - b.length))
        .slice(offset, offset + limit)
  const answer = store.aggregate(options)
  const rows = Array.isArray(answer) ? answer : [answer]
  const context = inspect(options, { depth: 9 })
  deepStrictEqual(Array.isArray(answer), isGrouped)
  deepStrictEqual(rows.length, expected.length, context)
  for (const [i, row] of rows.entries()) compareRow(row, expected[i] as Fields[], groupBy, place, context)
}

const sumOf = (records: readonly Fields[], path: string): number =>
  records.reduce((sum, record) => sum + (record[path] as number), 0)

function compareRow(
  row: Fields,
  group: readonly Fields[],
  groupBy: readonly Place[],
  place: Place,
  context: string,
): void {
  const { path, kind } = place
  for (const each of groupBy) deepStrictEqual(row[each.path], valueAt(group[0] as Fields, each.path), context)
  const values = group.map(record => valueAt(record, path)).filter(value => !isNone(value))
  const sorted = values.toSorted((a, b) => kind.compare(a, b))
  const distinct = sorted.filter((value, i) => i === 0 || kind.compare(value, sorted[i - 1]) !== 0)
  const small = group.map(({ k }) => k as number).toSorted((a, b) => a - b)
  const middle = (small.length - 1) / 2
  const half = ((small[Math.floor(middle)] as number) + (small[Math.ceil(middle)] as number)) / 2
  deepStrictEqual(
    [row.n, row.some, row.sum, row.mean, row.kinds, row.half],
    [
      group.length,
      values.length,
      sumOf(group, 'k'),
      group.length === 0 ? null : sumOf(group, 'id') / group.length,
      distinct.length,
      group.length === 0 ? null : half,
    ],
    `${path}: ${context}`,
  )
  for (const [value, expected] of [
    [row.low, sorted[0]],
    [row.high, sorted.at(-1)],
  ]) {
    // 0 and -0 are one value.
    if (expected === undefined) deepStrictEqual(value, null, context)
    else
      ok(
        value !== null && kind.compare(value, expected) === 0,
        `${path} ${inspect([value, expected])}: ${context}`,
      )
  }
  const end = (record: Fields | undefined): unknown => (record === undefined ? null : valueAt(record, path))
  deepStrictEqual([row.first, row.last], [end(group[0]), end(group.at(-1))], context)
}

/** Each value is in the bin between whose edges it is; the last edge belongs to the last bin. */
function compareHistogram(g: fc.GeneratorValue, store: Asked, records: readonly Fields[], of: Subject): void {
  const numbers = [ID, ...of.places].filter(({ kind: { name } }) => /\b[uif]\d\d?\b|date|decimal/.test(name))
  const { path } = pick(g, numbers)
  const [asked, meets] = g(fc.boolean) ? [{}, () => true] : where(g, of)
  const range = pick(g, [{}, { min: 2, max: 9 }, { min: 5, max: 5 }])
  const bins = pick(g, [1, 3, 20])
  const { edges, counts, nulls, below, above } = store.histogram(path, { where: asked, bins, ...range })
  const values = records.filter(meets).map(record => valueAt(record, path))
  const present = values.filter(value => !isNone(value)).map(Number)
  const context = inspect({ path, asked, range, bins, edges }, { depth: 9 })
  const finite = present.filter(Number.isFinite)
  const [first, last] = [edges[0] as number, edges[bins] as number]
  deepStrictEqual(edges.length, bins + 1)
  deepStrictEqual(nulls, values.length - present.length, context)
  if ('min' in range) deepStrictEqual([first, last], [range.min, range.max])
  else if (finite.length > 0) ok(first === Math.min(...finite) && last === Math.max(...finite), context)
  deepStrictEqual(below, present.filter(value => value < first).length, context)
  deepStrictEqual(above, present.filter(value => !(value <= last)).length, context)
  const inside = present.filter(value => value >= first && value <= last)
  const expected = new Float64Array(bins)
  for (const value of inside) {
    let bin = 0
    while (first < last && bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++
    ;(expected[bin] as number)++
  }
  deepStrictEqual(counts, expected, context)
}
