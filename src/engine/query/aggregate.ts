/**
 * How is an aggregate answered? Its records are added up block by block, from a scan or the candidates of an index.
 */

import { Aggregation, type ResultRow } from '../../query/aggregation.ts'
import { keyReader } from '../../query/key-reader.ts'
import { Matcher } from '../../query/matcher.ts'
import { readOperands } from '../../query/operand.ts'
import { queriedFields } from '../../query/queried-field.ts'
import { queryError } from '../../query/query-error.ts'
import { AGGREGATE, HISTOGRAM, readQueryOptions } from '../../query/query-options.ts'
import type { Histogram } from '../../query/query-types.ts'
import { readAggregates, readGroupBy } from '../../query/read-aggregate.ts'
import { readWhere } from '../../query/read-where.ts'
import { BLOCK_RECORDS, type RecordBlock } from '../../query/record-block.ts'
import { readHaving, resultOrder } from '../../query/result-rows.ts'
import type { AnySchema } from '../../schema/index.ts'
import { planSource } from './plan.ts'
import type { QueriedRecords } from './query.ts'
import { eachBlock, eachOf } from './record-blocks.ts'

/** @returns one row, or with `groupBy` an array of them @throws as `Query.toArray`, and ERR_STRIDE_LIMIT for too many groups */
export function aggregate<S extends AnySchema>(
  of: QueriedRecords<S>,
  options: unknown,
): ResultRow | ResultRow[] {
  const given = readQueryOptions(AGGREGATE, options, 'aggregate')
  const { codec } = of.reading.source
  const fields = queriedFields(codec.layout)
  const asked = readWhere(given.where, fields)
  const groupBy = readGroupBy(given.groupBy, fields)
  const aggregates = readAggregates(given.select, fields)
  const names = [...groupBy.map(({ path }) => path), ...aggregates.map(({ name }) => name)]
  const twin = names.find((name, i) => names.indexOf(name) < i)
  if (twin !== undefined) throw queryError(`the result would have two values named '${twin}'`)
  const keeps = readHaving(given.having, names)
  const ordered = resultOrder(given.orderBy, names)
  const operands = readOperands(asked.slots, {})
  const values = asked.slots.map(slot => slot.given)
  const rows = together(of, () => {
    const aggregation = new Aggregation(codec, { asked, groupBy, aggregates }, operands, given.maxGroups)
    const { size } = of.records
    const source = planSource(asked, values, [], Number.POSITIVE_INFINITY, size, of.indexes)
    const add = (block: RecordBlock): boolean => {
      aggregation.add(block)
      return true
    }
    if (source.kind === 'index') eachOf(of.reading, source.numbers, add)
    else eachBlock(of.reading, 0, size, add)
    return aggregation.rows()
  })
  const kept = ordered(rows.filter(keeps)).slice(given.offset, given.offset + given.limit)
  return groupBy.length > 0 ? kept : (kept[0] ?? (rows[0] as ResultRow))
}

/** @throws as `aggregate` */
export function histogram<S extends AnySchema>(
  of: QueriedRecords<S>,
  path: unknown,
  options: unknown,
): Histogram {
  const { bins, where, ...range } = readQueryOptions(HISTOGRAM, options, 'histogram')
  const { codec } = of.reading.source
  const fields = queriedFields(codec.layout)
  const field = fields.find(path)
  if (field.as !== 'number' && field.as !== 'bigint' && field.as !== 'time') {
    throw queryError(`histogram needs numbers or times, and '${field.path}' has none`, field.path)
  }
  const asked = readWhere(where, fields)
  const operands = readOperands(asked.slots, {})
  return together(of, () => {
    const { size, recordSize } = of.records
    const read = keyReader(codec, field)
    const positions = new Uint32Array(BLOCK_RECORDS)
    const each = (take: (value: number) => void): number => {
      let nulls = 0
      const matcher = new Matcher(codec, asked, operands)
      eachBlock(of.reading, 0, size, block => {
        const { view, bytes, at } = block
        const count = matcher.positions(block, positions)
        for (let i = 0; i < count; i++) {
          const value = read(view, bytes, at + (positions[i] as number) * recordSize)
          if (value === null) nulls++
          else take(Number(value))
        }
        return true
      })
      return nulls
    }
    const [min, max] = rangeOf(range, each)
    if (min > max)
      throw queryError(`histogram of '${field.path}' takes min below max: ${min}, ${max}`, field.path)
    // Of the widest ranges the difference itself is infinite.
    const width = max - min === Number.POSITIVE_INFINITY ? max / bins - min / bins : (max - min) / bins
    const edges = Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? max : min + width * i))
    const counts = new Float64Array(bins)
    let below = 0
    let above = 0
    const nulls = each(value => {
      if (value < min) below++
      else if (!(value <= max)) above++
      else {
        // Where min is max, all values are in the first bin.
        let bin = max === min ? 0 : Math.min(bins - 1, Math.floor((value - min) / width) || 0)
        // Where rounding put it on the other side of an edge.
        while (bin > 0 && value < (edges[bin] as number)) bin--
        while (max > min && bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++
        ;(counts[bin] as number)++
      }
    })
    return { edges, counts, nulls, below, above }
  })
}

/** The given range, or that of the finite values; 0 to 0 if there are none. */
function rangeOf(
  given: { readonly min?: number; readonly max?: number },
  each: (take: (value: number) => void) => number,
): [min: number, max: number] {
  if (given.min !== undefined && given.max !== undefined) return [given.min, given.max]
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  each(value => {
    if (!Number.isFinite(value)) return
    if (value < min) min = value
    if (value > max) max = value
  })
  if (min > max) return [given.min ?? given.max ?? 0, given.max ?? given.min ?? 0]
  return [given.min ?? min, given.max ?? max]
}

function together<S extends AnySchema, R>({ reading }: QueriedRecords<S>, read: () => R): R {
  reading.prepareBulk()
  return reading.together(read)
}
