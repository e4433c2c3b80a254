/**
 * What does a random record as a fresh object cost, three texts included?
 *
 * Mostly distinct texts are judged. Repeated ones stand beside them, because a cache of texts helps there only.
 */

import { openStore, type Store } from 'stridedb'
import { RecordReader } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atLeast, ratio } from './targets.ts'
import { type Texts, Trade, type TradeRecord } from './trade.ts'

export const randomObject: Benchmark = {
  name: 'random-object',
  question: 'a random record as an object',
  needs: ['distinct', 'repeated', 'distinct-copy', 'repeated-copy'],
  async *run(context) {
    yield await objects(context, 'distinct')
    yield await objects(context, 'repeated')
  },
}

async function objects(context: Context, texts: Texts): Promise<Row> {
  const path = fixturePath(context, texts)
  const operations = sized(context, 200_000, 1_000)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, recordCount(context))
  using mapped = openStore(path, Trade)
  using file = openStore(fixturePath(context, `${texts}-copy`), Trade, { backend: 'file' })
  const reader = new RecordReader(path)
  const sides: Side<Uint32Array>[] = [
    { name: mapped.backend, operations, run: (numbers, count) => gets(mapped, numbers, count) },
    { name: 'mapped, getMany', operations, run: numbers => many(mapped, numbers) },
    { name: 'mapped, get into an array', operations, run: numbers => kept(mapped, numbers) },
    { name: file.backend, operations, run: (numbers, count) => gets(file, numbers, count) },
    { name: 'fs.readSync + decode', operations, run: (numbers, count) => reads(reader, numbers, count) },
  ]
  const figures = await alternate(context, { sides, rounds: 11, input })
  const bytes = averageTextBytes(mapped, input(context.seed))
  reader.close()
  const target = atLeast(
    context,
    '3 times fs.readSync + hand-written decode',
    ratio(figures, 'fs.readSync + decode', 'mapped'),
    3,
    'times',
  )
  return {
    what: `random get(n) to an object, three ${texts} texts`,
    cache: 'warm',
    sides: figures,
    targets: texts === 'distinct' ? [target] : [],
    notes: [`texts of ${bytes} characters on average; one name in twelve is not ASCII`],
  }
}

function gets(store: Store<typeof Trade>, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += weigh(store.get(numbers[i] as number) as TradeRecord)
  return sum
}

function many(store: Store<typeof Trade>, numbers: Uint32Array): number {
  let sum = 0
  for (const trade of store.getMany(numbers)) sum += weigh(trade as TradeRecord)
  return sum
}

/** What getMany cannot avoid: its records are all alive at once, so the garbage collector copies them. */
function kept(store: Store<typeof Trade>, numbers: Uint32Array): number {
  const trades: TradeRecord[] = new Array(numbers.length)
  for (let i = 0; i < numbers.length; i++) trades[i] = store.get(numbers[i] as number) as TradeRecord
  let sum = 0
  for (const trade of trades) sum += weigh(trade)
  return sum
}

function reads(reader: RecordReader, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += weigh(reader.trade(numbers[i] as number))
  return sum
}

function weigh(trade: TradeRecord): number {
  return trade.price + trade.qty + trade.symbol.length + trade.name.length + trade.note.length
}

function averageTextBytes(store: Store<typeof Trade>, numbers: Uint32Array): string {
  const trades = store.getMany(numbers.subarray(0, 1000)) as TradeRecord[]
  const of = (pick: (trade: TradeRecord) => string): string =>
    (trades.reduce((sum, trade) => sum + pick(trade).length, 0) / trades.length).toFixed(0)
  return `${of(trade => trade.symbol)}, ${of(trade => trade.name)} and ${of(trade => trade.note)}`
}
