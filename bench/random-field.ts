/**
 * What does one field of a random record cost?
 *
 * The judged rows have one call site that sees three fields of two stores in turn, so that the compiler of the
 * language cannot make a special case of it: two stores of one schema, and of two. A DataView over the same bytes
 * in the heap, read by the same loop, shows what is left to win. Beside them: one field of one store, and read-only openers,
 * which look at the writer's sequence around each read: one alone, and one beside a writer that does nothing.
 */

import { openStore, type Store } from 'stridedb'
import { AT, AT_REORDERED, RecordReader, recordsInHeap, TRADE_BYTES } from './baseline.ts'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'
import { ReorderedTrade, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const FIELD = 'field(n)'
const ROW = 'row.seek(n).price'
const READER = 'field(n), read-only'
const BESIDE = 'field(n), read-only, beside an idle writer'
const FIELDS = ['price', 'qty', 'id'] as const
const FIELD_AT: readonly number[] = [AT.price, AT.qty, AT.id]
const FIELD_AT_REORDERED: readonly number[] = [AT_REORDERED.price, AT_REORDERED.qty, AT_REORDERED.id]

export const randomField: Benchmark = {
  name: 'random-field',
  question: 'one field of a random record',
  needs: ['distinct', 'distinct-copy', 'repeated', 'repeated-copy', 'reordered', 'reordered-copy'],
  async *run(context) {
    yield await inTurn(context, 'repeated')
    yield await inTurn(context, 'reordered')
    yield await oneField(context)
  },
}

async function inTurn(context: Context, second: 'repeated' | 'reordered'): Promise<Row> {
  const records = recordCount(context)
  const operations = sized(context, 1_000_000, 1_000)
  const slowOperations = sized(context, 200_000, 1_000)
  const schema = (second === 'repeated' ? Trade : ReorderedTrade) as typeof Trade
  const files = [fixturePath(context, 'distinct'), fixturePath(context, second)]
  using a = openStore(fixturePath(context, 'distinct'), Trade)
  using b = openStore(fixturePath(context, second), schema)
  using fileA = openStore(fixturePath(context, 'distinct-copy'), Trade, { backend: 'file' })
  using fileB = openStore(fixturePath(context, `${second}-copy`), schema, { backend: 'file' })
  const readers = files.map(file => new RecordReader(file))
  const views = files.map(file => recordsInHeap(file, records))
  const places = [FIELD_AT, second === 'repeated' ? FIELD_AT : FIELD_AT_REORDERED]
  const sides: Side<Uint32Array>[] = [
    { name: a.backend, operations, run: (numbers, count) => fieldsInTurn([a, b], numbers, count) },
    {
      name: fileA.backend,
      operations: slowOperations,
      run: (numbers, count) => fieldsInTurn([fileA, fileB], numbers, count),
    },
    {
      name: 'fs.readSync',
      operations: slowOperations,
      run: (numbers, count) => readsInTurn(readers, places, numbers, count),
    },
    { name: 'DataView, heap', operations, run: (numbers, count) => viewsInTurn(views, places, numbers, count) },
  ]
  using cA = CFile.open(files[0] as string)
  using cB = CFile.open(files[1] as string)
  // The C loop knows one layout.
  if (second === 'repeated' && cA !== undefined && cB !== undefined)
    sides.push({ name: 'C', operations, run: (numbers, count) => cA.fields(cB, numbers, count) })
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  const figures = await alternate(context, { sides, rounds: 11, input })
  for (const reader of readers) reader.close()
  const schemas = second === 'repeated' ? 'one schema' : 'two schemas'
  return {
    what: `random single field, three fields of two stores (${schemas}) in turn`,
    cache: 'warm',
    sides: figures,
    targets: [
      atLeast(context, '20 times fs.readSync', ratio(figures, 'fs.readSync', 'mapped'), 20, 'times'),
      atMost(context, '35 ns', nsOf(figures, 'mapped'), 35, 'ns'),
    ],
    notes: [],
  }
}

async function oneField(context: Context): Promise<Row> {
  const records = recordCount(context)
  const operations = sized(context, 1_000_000, 1_000)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  using store = openStore(fixturePath(context, 'distinct'), Trade)
  using reader = openStore(fixturePath(context, 'repeated'), Trade, { readOnly: true })
  using beside = openStore(fixturePath(context, 'distinct'), Trade, { readOnly: true })
  using rows = openStore(fixturePath(context, 'distinct-copy'), Trade)
  const row = rows.row(0)
  const sides: Side<Uint32Array>[] = [
    { name: FIELD, operations, run: (numbers, count) => onePrice(store, numbers, count) },
    { name: ROW, operations, run: (numbers, count) => priceByRow(row, numbers, count) },
    { name: READER, operations, run: (numbers, count) => onePriceOfReader(reader, numbers, count) },
    {
      name: BESIDE,
      operations,
      run: (numbers, count) => onePriceBesideWriter(beside, numbers, count),
    },
  ]
  const figures = await alternate(context, { sides, rounds: 11, input, agree: false })
  return {
    what: 'random single field, one field of one store',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '1.3 times field(n), by row.seek(n).price', ratio(figures, ROW, FIELD), 1.3, 'times'),
      atMost(context, '1.2 times field(n), by a reader alone', ratio(figures, READER, FIELD), 1.2, 'times'),
      atMost(
        context,
        '1.5 times field(n), by a reader beside a writer',
        ratio(figures, BESIDE, FIELD),
        1.5,
        'times',
      ),
    ],
    notes: [],
  }
}

function fieldsInTurn(stores: readonly TradeStore[], numbers: Uint32Array, count: number): number {
  let sum = 0
  let turn = 0
  for (let i = 0; i < count; i++) {
    const store = stores[i & 1] as TradeStore
    sum += store.field(numbers[i] as number, FIELDS[turn] as 'price')
    turn = turn === 2 ? 0 : turn + 1
  }
  return sum
}

function readsInTurn(
  readers: readonly RecordReader[],
  places: readonly (readonly number[])[],
  numbers: Uint32Array,
  count: number,
): number {
  let sum = 0
  let turn = 0
  for (let i = 0; i < count; i++) {
    const reader = readers[i & 1] as RecordReader
    reader.read(numbers[i] as number)
    const at = places[i & 1]?.[turn] as number
    sum += turn === 0 ? reader.view.getFloat64(at, true) : reader.view.getUint32(at, true)
    turn = turn === 2 ? 0 : turn + 1
  }
  return sum
}

function viewsInTurn(
  views: readonly DataView[],
  places: readonly (readonly number[])[],
  numbers: Uint32Array,
  count: number,
): number {
  let sum = 0
  let turn = 0
  for (let i = 0; i < count; i++) {
    const view = views[i & 1] as DataView
    const at = (numbers[i] as number) * TRADE_BYTES + (places[i & 1]?.[turn] as number)
    sum += turn === 0 ? view.getFloat64(at, true) : view.getUint32(at, true)
    turn = turn === 2 ? 0 : turn + 1
  }
  return sum
}

function onePrice(store: TradeStore, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'price')
  return sum
}

/** A function of its own, so that the sides do not share what the compiler learns. */
function onePriceOfReader(store: TradeStore, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'price')
  return sum
}

function onePriceBesideWriter(store: TradeStore, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'price')
  return sum
}

function priceByRow(row: ReturnType<TradeStore['row']>, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += row.seek(numbers[i] as number).price
  return sum
}
