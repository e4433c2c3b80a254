/**
 * What can a program do with a query? Nothing runs until it asks for results.
 *
 *   QY1  each call answers from one commit, with staged changes, as the other reads of the store do. The results are copies.
 *   QY2  without `orderBy` results are in the order of record numbers.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type NoOptions, type OptionsOf, refuseOptions } from '../../options/option-table.ts'
import { isAlways } from '../../query/condition.ts'
import { Matcher } from '../../query/matcher.ts'
import { OrderedNumbers } from '../../query/ordering.ts'
import { BATCHES, readQueryOptions } from '../../query/query-options.ts'
import { BLOCK_RECORDS, type RecordBlock } from '../../query/record-block.ts'
import type { AnySchema, TypedColumn } from '../../schema/index.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet, Row } from '../read/record-set.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import type { UsableIndexes } from './index-access.ts'
import { planSource, type Source, walkedEntries } from './plan.ts'
import type { BoundQuestion } from './question.ts'
import { eachBlock, eachOf } from './record-blocks.ts'
import { SortedTies } from './sorted-ties.ts'

/** The records that queries are asked of. */
export interface QueriedRecords<S extends AnySchema> {
  readonly records: RecordSet<S>
  readonly reading: Reading<S, RecordLayers>
  readonly indexes: UsableIndexes | undefined
  /** A view of one commit, if there can be one; `close` ends it. */
  frozen(): QueriedRecords<S> & { close(): void }
}

/** What a query did, for a person who asks why it is slow. */
export interface QueryExplanation {
  /** 'scan': all records. 'index': the candidates of an index. 'order': records in the order of an index. */
  readonly plan: 'scan' | 'index' | 'order'
  /** The index that was used. */
  readonly index: string | undefined
  /** Records that were looked at. */
  readonly looked: number
  /** Records that met the condition, before `limit` and `offset`; with a limit it may stop earlier. */
  readonly matched: number
  /** Whether generated code is used. */
  readonly compiled: boolean
  /** The same in words. */
  readonly text: string
}

/** The options of `batches`. */
export type BatchOptions = OptionsOf<typeof BATCHES>

/** How many records are looked at in one turn of the event loop. */
const RECORDS_A_TURN = 65_536

interface Tally {
  plan: Source['kind']
  index: string | undefined
  how: string
  looked: number
  matched: number
}

/**
 * A query of a store, from `store.query(…)`. Each call runs it. T: its results, R: rows over its records.
 *
 * Calls throw {StrideError} ERR_STRIDE_CLOSED, _CORRUPT, _TRUNCATED and _IO, and beside another writer _BUSY.
 */
export class Query<out T, out R = unknown> implements Iterable<T> {
  readonly #of: QueriedRecords<AnySchema>
  readonly #question: BoundQuestion

  /** @internal */
  constructor(of: QueriedRecords<AnySchema>, question: BoundQuestion) {
    this.#of = of
    this.#question = question
  }

  /** @internal Whether its condition asks for nothing. */
  get asksForAll(): boolean {
    return isAlways(this.#question.asked.condition)
  }

  /** All results in an array. */
  toArray(none?: NoOptions): T[] {
    refuseOptions(none, 'toArray')
    return this.#together(() => this.#results(this.#question.limit))
  }
  /** The results; the query runs when the loop begins, so that changes in the loop change none of them. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.toArray()[Symbol.iterator]()
  }
  /** The first result; undefined if there is none. */
  first(none?: NoOptions): T | undefined {
    refuseOptions(none, 'first')
    return this.#together(() => this.#results(Math.min(1, this.#question.limit)))[0]
  }
  /** How many results there are. */
  count(none?: NoOptions): number {
    refuseOptions(none, 'count')
    const { offset, limit } = this.#question
    const matched = this.#together(() => this.#count())
    return Math.max(0, Math.min(matched - offset, limit))
  }
  /** The record numbers of the results, in their order, in a new array. */
  numbers(none?: NoOptions): Float64Array {
    refuseOptions(none, 'numbers')
    return this.#together(() => this.#numbers(this.#question.limit))
  }
  /** The results as one row that moves. It shows each record as it is at that step, and passes over deleted ones. */
  *rows(none?: NoOptions): Generator<R, void, undefined> {
    refuseOptions(none, 'rows')
    const { records } = this.#of
    let row: Row<AnySchema> | undefined
    for (const n of this.numbers()) {
      if (!records.has(n)) continue
      row = row === undefined ? records.row(n) : row.seek(n)
      yield row as R
    }
  }
  /**
   * One field of all results in an array, as `gather` gives it: `column<Float64Array>('price')`.
   * @throws RangeError for an unknown field
   */
  column<Values extends TypedColumn | unknown[] = TypedColumn | unknown[]>(
    name: string,
    none?: NoOptions,
  ): Values {
    refuseOptions(none, 'column')
    return this.#together(() => this.#of.records.gather(name, this.#numbers(this.#question.limit)) as Values)
  }

  /** Runs the query, and says how it found its results. */
  explain(none?: NoOptions): QueryExplanation {
    refuseOptions(none, 'explain')
    const tally: Tally = { plan: 'scan', index: undefined, how: '', looked: 0, matched: 0 }
    this.#together(() => {
      Object.assign(tally, { looked: 0, matched: 0 })
      return this.#numbers(this.#question.limit, tally)
    })
    const { plan, index, how, looked, matched } = tally
    const { compiled } = this.#question.codec
    const from = {
      scan: `Looks at all records, ${looked} of them, one after the other.`,
      index: `Finds ${looked} records in the index '${index}' ${how}, and tests each.`,
      order: `Walks the index '${index}', which has the order of the query, and tests ${looked} records.`,
    }
    const runs = compiled
      ? 'The tests are compiled.'
      : 'The tests are interpreted: generating code is forbidden here.'
    const text = `${from[plan]} ${matched} meet the condition. ${runs}`
    return { plan, index, looked, matched, compiled, text }
  }

  /**
   * The results in batches, which leave the event loop turns in between. All are of one commit: of a snapshot, so that staged changes are
   * not seen.
   * @throws the reason of `signal`; {StrideError} as the other calls, and as reading a snapshot
   */
  async *batches(options?: BatchOptions): AsyncGenerator<T[], void, undefined> {
    const { rows, signal } = readQueryOptions(BATCHES, options, 'batches')
    signal?.throwIfAborted()
    const frozen = this.#of.frozen()
    try {
      const query = new Query<T, R>(frozen, this.#question)
      for await (const numbers of query.#numbersInTurns(signal)) {
        for (let from = 0; from < numbers.length; from += rows) {
          signal?.throwIfAborted()
          yield query.#together(() => query.#projected(numbers.subarray(from, from + rows)))
          await nextTurn()
        }
      }
    } finally {
      frozen.close()
    }
  }

  /** The numbers of the results, in pieces of one turn each; with an order in one piece at the end. */
  async *#numbersInTurns(signal: AbortSignal | undefined): AsyncGenerator<Float64Array> {
    const { orderBy, offset, limit, codec } = this.#question
    const source = this.#together(() => this.#source())
    if (source.kind !== 'scan') {
      yield this.#together(() => this.#numbers(limit))
      return
    }
    const { size } = this.#of.records
    const order = orderBy.length === 0 ? undefined : new OrderedNumbers(codec, orderBy, offset + limit)
    const matcher = this.#matcher()
    const positions = new Uint32Array(BLOCK_RECORDS)
    let skip = offset
    let left = limit
    for (let from = 0; from < size && left > 0; from += RECORDS_A_TURN) {
      signal?.throwIfAborted()
      const found: number[] = []
      const to = Math.min(size, from + RECORDS_A_TURN)
      eachBlock(this.#of.reading, from, to, block => {
        const count = matcher.positions(block, positions)
        if (order !== undefined) order.add(block, positions, count)
        else for (let i = 0; i < count; i++) found.push(block.first + (positions[i] as number))
        return true
      })
      if (order === undefined && found.length > 0) {
        const kept = found.slice(skip, skip + left)
        skip = Math.max(0, skip - found.length)
        left -= kept.length
        yield Float64Array.from(kept)
      }
      await nextTurn()
    }
    if (order !== undefined) yield order.numbers(offset)
  }

  #together<R>(read: () => R): R {
    const { reading } = this.#of
    reading.prepareBulk()
    return reading.together(read)
  }

  #matcher(): Matcher {
    const { codec, asked, operands } = this.#question
    return new Matcher(codec, asked, operands)
  }

  #source(): Source {
    const { asked, values, orderBy, offset, limit } = this.#question
    const { records, indexes } = this.#of
    return planSource(asked, values, orderBy, offset + limit, records.size, indexes)
  }

  /** Results up to a limit, read as they are found where their order allows it. */
  #results(limit: number): T[] {
    const { orderBy, offset, project } = this.#question
    if (orderBy.length > 0) return this.#projected(this.#numbers(limit))
    const results: T[] = []
    let skip = offset
    if (limit === 0) return results
    const { recordSize } = this.#of.records
    this.#each(this.#source(), undefined, (block, positions, count) => {
      for (let i = skip; i < count; i++) {
        results.push(project(block.view, block.bytes, block.at + (positions[i] as number) * recordSize) as T)
        if (results.length === limit) return false
      }
      skip = Math.max(0, skip - count)
      return true
    })
    return results
  }

  #count(): number {
    let count = 0
    // Nothing is tested: the store knows the count.
    if (this.asksForAll) return this.#of.records.count
    this.#each(this.#source(), undefined, (_block, _positions, some) => {
      count += some
      return true
    })
    return count
  }

  #numbers(limit: number, tally?: Tally): Float64Array {
    const { orderBy, offset, codec } = this.#question
    const source = this.#source()
    if (tally !== undefined) {
      tally.plan = source.kind
      tally.index = source.kind === 'scan' ? undefined : source.name
      tally.how = source.kind === 'index' ? source.how : ''
    }
    const most = offset + limit
    if (source.kind === 'order') {
      const found = this.#inOrder(source, most, tally)
      if (found !== undefined) return found.subarray(offset)
      if (tally !== undefined) Object.assign(tally, { plan: 'scan', index: undefined, looked: 0, matched: 0 })
    }
    const from: Source = source.kind === 'order' ? { kind: 'scan' } : source
    if (orderBy.length > 0) {
      const order = new OrderedNumbers(codec, orderBy, most)
      this.#each(from, tally, (block, positions, count) => {
        order.add(block, positions, count)
        return true
      })
      return order.numbers(offset)
    }
    let out = new Float64Array(1024)
    let found = 0
    if (most > 0) {
      this.#each(from, tally, (block, positions, count) => {
        if (found + count > out.length) out = grownTo(out, Math.max(found + count, out.length * 2))
        for (let i = 0; i < count; i++) out[found++] = block.first + (positions[i] as number)
        return found < most
      })
    }
    return out.slice(offset, Math.max(offset, Math.min(found, most)))
  }

  /** Calls `found` with the positions in each block of the records that meet the condition, until it returns false. */
  #each(
    source: Source,
    tally: Tally | undefined,
    found: (block: RecordBlock, positions: Uint32Array, count: number) => boolean,
  ): void {
    const { reading, records } = this.#of
    const matcher = this.#matcher()
    const positions = new Uint32Array(source.kind === 'index' ? 1 : BLOCK_RECORDS)
    const look = (block: RecordBlock): boolean => {
      const count = matcher.positions(block, positions)
      if (tally !== undefined) {
        tally.looked += block.count
        tally.matched += count
      }
      return count === 0 || found(block, positions, count)
    }
    if (source.kind === 'index') eachOf(reading, source.numbers, look)
    else eachBlock(reading, 0, records.size, look)
  }

  /** The first results in the order of an index; undefined if its first entries have too few of them. */
  #inOrder(
    { name, isReverse }: Source & { kind: 'order' },
    most: number,
    tally: Tally | undefined,
  ): Float64Array | undefined {
    const { orderBy, codec } = this.#question
    const { reading, records, indexes } = this.#of
    const entries = walkedEntries(most, records.size)
    const index = indexes?.get(name)
    if (index === undefined) return undefined
    const matcher = this.#matcher()
    const positions = new Uint32Array(1)
    // Few entries usually suffice.
    for (let some = Math.min(entries, Math.max(64, most * 2)); ; some = Math.min(entries, some * 16)) {
      const numbers = index.range({ reverse: isReverse, limit: some }).numbers()
      const isAll = numbers.length < some
      const order = new OrderedNumbers(codec, orderBy, most)
      const sorted = new SortedTies(codec, orderBy)
      if (tally !== undefined) Object.assign(tally, { looked: 0, matched: 0 })
      eachOf(reading, numbers, block => {
        const count = matcher.positions(block, positions)
        if (tally !== undefined) {
          tally.looked++
          tally.matched += count
        }
        sorted.add(block, count)
        order.add(block, positions, count)
        return true
      })
      // Behind the last entry there may be more with the same values, which come in the order of their numbers.
      if (isAll || sorted.before >= most) return order.numbers(0)
      if (some === entries) return undefined
    }
  }

  /** The results of these records, in their order. */
  #projected(numbers: ArrayLike<number>): T[] {
    const { project } = this.#question
    const results: T[] = []
    eachOf(this.#of.reading, numbers, ({ view, bytes, at }) => {
      results.push(project(view, bytes, at) as T)
      return true
    })
    return results
  }
}

function grownTo(array: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length)
  grown.set(array)
  return grown
}
