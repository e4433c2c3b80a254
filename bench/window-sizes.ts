/**
 * How does the size of a window change reading, with all windows kept and with only 16 MiB of them?
 */

import { openStore, type Store, type StoreOptions } from 'stridedb'
import { AT, RecordReader } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const KIB = 1024
const MIB = 1024 * KIB
const BOUND = 16 * MIB

const KEPT: readonly (readonly [string, StoreOptions])[] = [
  ['64 KiB', { windowBytes: 64 * KIB }],
  ['1 MiB', { windowBytes: MIB }],
  ['16 MiB', { windowBytes: 16 * MIB }],
  ['whole file', {}],
]
const BOUNDED: readonly (readonly [string, StoreOptions])[] = [
  ['64 KiB', { windowBytes: 64 * KIB, maxMappedBytes: BOUND }],
  ['1 MiB', { windowBytes: MIB, maxMappedBytes: BOUND }],
  ['4 MiB', { windowBytes: 4 * MIB, maxMappedBytes: BOUND }],
]

export const windowSizes: Benchmark = {
  name: 'window-sizes',
  question: 'reading by window size',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield await lookups(context, 'all windows kept', KEPT, sized(context, 500_000, 500))
    yield await lookups(context, 'at most 16 MiB mapped', BOUNDED, sized(context, 20_000, 500))
    yield await scans(context, 'all windows kept', KEPT)
    yield await scans(context, 'at most 16 MiB mapped', BOUNDED)
  },
}

async function lookups(
  context: Context,
  bound: string,
  windows: typeof KEPT,
  operations: number,
): Promise<Row> {
  const path = fixturePath(context, 'distinct')
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, recordCount(context))
  const reader = new RecordReader(path)
  const readOperations = Math.min(operations, 100_000)
  const stores = openEach(path, windows)
  const sides = stores.map(
    ([name, store]): Side<Uint32Array> => ({
      name,
      operations,
      run: (numbers, count) => prices(store, numbers, count),
      note: () => `${store.stats().slides} slides in all`,
    }),
  )
  sides.push({
    name: 'fs.readSync',
    operations: readOperations,
    run: (numbers, count) => reads(reader, numbers, count),
  })
  const figures = await alternate(context, { sides, rounds: 5, input, agree: false })
  reader.close()
  for (const [, store] of stores) store.close()
  return {
    what: `random single field by window size, ${bound}`,
    cache: 'warm',
    sides: figures,
    targets: [],
    notes: [],
  }
}

async function scans(context: Context, bound: string, windows: typeof KEPT): Promise<Row> {
  const stores = openEach(fixturePath(context, 'distinct'), windows)
  const sides = stores.map(
    ([name, store]): Side => ({
      name,
      operations: recordCount(context),
      run: () => scanRows(store),
      note: () => `${store.stats().slides} slides in all`,
    }),
  )
  const figures = await alternate(context, { sides, rounds: 7 })
  for (const [, store] of stores) store.close()
  return {
    what: `scan with a filter by window size, ${bound}`,
    cache: 'warm',
    sides: figures,
    targets: [],
    notes: [],
  }
}

/** The same file several times: readers beside each other, since one store has one writer. */
function openEach(path: string, windows: typeof KEPT): (readonly [string, TradeStore])[] {
  return windows.map(
    ([name, options]) => [name, openStore(path, Trade, { ...options, readOnly: true })] as const,
  )
}

function prices(store: TradeStore, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'price')
  return sum
}

function reads(reader: RecordReader, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) {
    reader.read(numbers[i] as number)
    sum += reader.view.getFloat64(AT.price, true)
  }
  return sum
}

function scanRows(store: TradeStore): number {
  let sum = 0
  for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
  return sum
}
