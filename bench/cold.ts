/**
 * What does the first touch cost, when the file is on the disk only?
 *
 * Before each batch: the store is closed, the file synced and evicted, and mincore finds no page of it in memory;
 * then it is opened, evicted again because opening reads the header, and mincore finds no page of the records.
 */

import { openStore, type Store } from 'stridedb'
import { AT, dataOffsetOf, forEachChunk, RecordReader, TRADE_BYTES } from './baseline.ts'
import { makeCold } from './cold-cache.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import type { FixtureName } from './fixtures.ts'
import { largeCount } from './fixtures.ts'
import { alternate, type Comparison, NotMeasurable, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row, Target } from './row.ts'
import { atMost, ratio } from './targets.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>
type ColdFixture = Extract<FixtureName, 'distinct' | 'large'>

export const cold: Benchmark = {
  name: 'cold',
  question: 'the first touch of records that are on the disk only',
  needs: ['distinct', 'distinct-copy', 'large', 'large-copy'],
  isSlow: true,
  async *run(context) {
    yield await lookups(context, 'distinct', recordCount(context), '125 MB')
    yield await lookups(context, 'large', largeCount(context), '4 GB')
    yield await bulkLookup(context)
    yield await scans(context)
  },
}

function lookups(context: Context, fixture: ColdFixture, records: number, size: string): Promise<Row> {
  const operations = sized(context, 1_000, 50)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  const sides = [
    coldStore('mapped', fixturePath(context, fixture), operations, {}, lookUp),
    coldStore('file', fixturePath(context, `${fixture}-copy`), operations, { backend: 'file' }, lookUp),
    coldReader(fixturePath(context, fixture), operations),
  ]
  return coldRow(context, `random field of ${operations} records in ${size}`, { sides, input }, figures => [
    atMost(
      context,
      '1 times a cold fs.readSync of the record',
      ratio(figures, 'mapped', 'fs.readSync'),
      1,
      'times',
    ),
  ])
}

function bulkLookup(context: Context): Promise<Row> {
  const operations = sized(context, 20_000, 100)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, largeCount(context))
  const sides = [
    coldStore('mapped', fixturePath(context, 'large'), operations, {}, gatherSum),
    coldStore('file', fixturePath(context, 'large-copy'), operations, { backend: 'file' }, gatherSum),
    coldReader(fixturePath(context, 'large'), operations),
  ]
  return coldRow(context, `gather of ${operations} random numbers in 4 GB`, { sides, input }, () => [])
}

function scans(context: Context): Promise<Row> {
  const records = recordCount(context)
  const path = fixturePath(context, 'distinct')
  const sides: Side[] = [
    coldStore('mapped', path, records, {}, scanRows),
    coldStore('file', fixturePath(context, 'distinct-copy'), records, { backend: 'file' }, scanRows),
    {
      name: 'fs.readSync, 1 MiB',
      operations: records,
      before: () => makeCold(path),
      run: () => scanChunks(path, records),
    },
  ]
  return coldRow(context, 'scan of 125 MB with a filter', { sides }, () => [])
}

async function coldRow<I>(
  context: Context,
  what: string,
  comparison: Pick<Comparison<I>, 'sides' | 'input'>,
  judge: (figures: Row['sides']) => Target[],
): Promise<Row> {
  const row = { what, cache: 'cold', targets: [], notes: [] } as const
  try {
    const figures = await alternate(context, {
      ...comparison,
      rounds: 9,
      warmups: 1,
      warming: 'CPU caches evicted',
    })
    return { ...row, sides: figures, targets: judge(figures) }
  } catch (error) {
    if (!(error instanceof NotMeasurable)) throw error
    return { ...row, sides: [], skipped: error.message }
  }
}

function coldStore<I>(
  name: string,
  path: string,
  operations: number,
  options: { readonly backend?: 'file' },
  run: (store: TradeStore, input: I) => number,
): Side<I> {
  let store: TradeStore | undefined
  return {
    name,
    operations,
    before() {
      makeCold(path)
      store = openStore(path, Trade, options)
      makeCold(path, dataOffsetOf(path))
    },
    run: input => run(store as TradeStore, input),
    after: () => store?.close(),
  }
}

function coldReader(path: string, operations: number): Side<Uint32Array> {
  let reader: RecordReader | undefined
  return {
    name: 'fs.readSync',
    operations,
    before() {
      makeCold(path)
      reader = new RecordReader(path)
      makeCold(path, dataOffsetOf(path))
    },
    run: numbers => readEach(reader as RecordReader, numbers),
    after: () => reader?.close(),
  }
}

function lookUp(store: TradeStore, numbers: Uint32Array): number {
  let sum = 0
  for (const n of numbers) sum += store.field(n, 'price')
  return sum
}

function readEach(reader: RecordReader, numbers: Uint32Array): number {
  let sum = 0
  for (const n of numbers) {
    reader.read(n)
    sum += reader.view.getFloat64(AT.price, true)
  }
  return sum
}

function gatherSum(store: TradeStore, numbers: Uint32Array): number {
  let sum = 0
  for (const price of store.gather('price', numbers)) sum += price
  return sum
}

function scanRows(store: TradeStore): number {
  let sum = 0
  for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
  return sum
}

function scanChunks(path: string, records: number): number {
  let sum = 0
  forEachChunk(path, records, (view, _bytes, count) => {
    for (let i = 0; i < count; i++) {
      const at = i * TRADE_BYTES
      if (view.getFloat64(at + AT.price, true) > PRICE_LIMIT) sum += view.getUint32(at + AT.qty, true)
    }
  })
  return sum
}
