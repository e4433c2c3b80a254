/**
 * Rows of `large`: opening, reading and looking up by size. The stores of all sizes are the sides of one comparison, so that the
 * machine's moods meet them alike; C reads the same files.
 */

import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { openStore, type StoreOptions } from 'stridedb'
import { againstSmallest } from './against-smallest.ts'
import { dataOffsetOf, RecordReader } from './baseline.ts'
import { CFile } from './c-baseline.ts'
import { makeCold } from './cold-cache.ts'
import { type Context, sized } from './context.ts'
import { ITEM_BYTES, Item, idOf, PRICE_AT } from './items.ts'
import type { ItemStore, Size } from './large-stores.ts'
import { alternate, NotMeasurable, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import { residentFileBytes } from './resident.ts'
import type { Row } from './row.ts'
import { atMost, nsOf, ratio } from './targets.ts'

const MIB = 2 ** 20
const BOUND: StoreOptions = { maxMappedBytes: 64 * MIB }

/** The random numbers of a round, for each size. */
type Numbers = readonly Uint32Array[]

export async function* reads(context: Context, sizes: readonly Size[]): AsyncIterable<Row> {
  yield await opening(context, sizes, 'openStore, with its index')
  yield await scanning(context, sizes)
  yield await reading(context, sizes, {
    what: 'random field',
    run: (store, numbers) => sumOfPrices(store, numbers),
    bound: 3,
  })
  yield await reading(context, sizes, {
    what: 'gather of random numbers',
    run: (store, numbers) => last(store.gather('price', numbers)),
    inC: (c, numbers) => last(c.gather(PRICE_AT, numbers)),
  })
  yield await reading(context, sizes, {
    what: 'hash, u32 key to number',
    run: (store, numbers) => sumOfLookups(store, numbers),
    bound: 4,
  })
  yield await reading(context, sizes, {
    what: 'hash, u32 key to one field',
    run: (store, numbers) => sumOfLookedUpPrices(store, numbers),
  })
  yield await withBound(context, sizes)
  yield await coldLookups(context, sizes)
}

export async function opening(context: Context, sizes: readonly Size[], what: string): Promise<Row> {
  const sides = sizes.map(({ label, path }): Side => {
    let store: ItemStore | undefined
    return {
      name: label,
      operations: 1,
      run: () => {
        store = openStore(path, Item)
        return store.recordSize
      },
      after: () => store?.close(),
    }
  })
  const figures = await alternate(context, { sides, rounds: 21 })
  return {
    what,
    cache: 'warm',
    sides: figures,
    targets: sizes.map(({ label }) =>
      atMost(context, `5 ms, ${label}`, (nsOf(figures, label) ?? Number.NaN) / 1e6, 5, 'ms'),
    ),
    notes: [],
  }
}

async function scanning(context: Context, sizes: readonly Size[]): Promise<Row> {
  const stores = sizes.map(({ path }) => openStore(path, Item))
  const files = sizes.map(({ path }) => CFile.open(path))
  const sides = sizes.flatMap(({ label, records }, i): Side[] => {
    const store = stores[i] as ItemStore
    const file = files[i]
    const ours: Side = { name: label, operations: records, run: () => sumOfScan(store) }
    if (file === undefined) return [ours]
    return [ours, { name: `${label}, C`, operations: records, run: () => file.sum(PRICE_AT, records) }]
  })
  const figures = await alternate(context, { sides, rounds: 3, warmups: 1 })
  for (const store of stores) store.close()
  for (const file of files) file?.[Symbol.dispose]()
  return { what: 'scan, one column summed', cache: 'warm', sides: figures, targets: [], notes: [] }
}

interface Reading {
  readonly what: string
  readonly run: (store: ItemStore, numbers: Uint32Array) => number
  readonly inC?: (file: CFile, numbers: Uint32Array) => number
  /** How many times as long as in the smallest store it may take. */
  readonly bound?: number
}

async function reading(
  context: Context,
  sizes: readonly Size[],
  { what, run, inC, bound }: Reading,
): Promise<Row> {
  const stores = sizes.map(({ path }) => openStore(path, Item))
  const files = sizes.map(({ path }) => (inC === undefined ? undefined : CFile.open(path)))
  const counts = sizes.map(size => lookupsOf(context, size))
  const sides = sizes.flatMap(({ label }, i): Side<Numbers>[] => {
    const operations = counts[i] as number
    const file = files[i]
    const ours: Side<Numbers> = {
      name: label,
      operations,
      run: numbers => run(stores[i] as ItemStore, numbers[i] as Uint32Array),
    }
    if (file === undefined || inC === undefined) return [ours]
    return [ours, { name: `${label}, C`, operations, run: numbers => inC(file, numbers[i] as Uint32Array) }]
  })
  const input = (seed: number): Numbers =>
    sizes.map(({ records }, i) => randomNumbers(seed, counts[i] as number, records))
  const figures = await alternate(context, { sides, rounds: 9, input, agree: false })
  for (const store of stores) store.close()
  for (const file of files) file?.[Symbol.dispose]()
  return {
    what,
    cache: 'warm',
    sides: figures,
    targets: bound === undefined ? [] : againstSmallest(context, figures, sizes, bound),
    notes: sizes.filter(isBeyondMemory).map(({ label }) => `${label} records do not fit into memory`),
  }
}

/** A million, or so few that a disk can answer them. */
function lookupsOf(context: Context, size: Size): number {
  return sized(context, isBeyondMemory(size) ? 5_000 : 1_000_000, 500)
}

/** What is free counts alone: other programs keep the rest. */
function isBeyondMemory({ records }: Size): boolean {
  return records * ITEM_BYTES > availableBytes()
}

function availableBytes(): number {
  try {
    const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
    return line === null ? freemem() : Number(line[1]) * 1024
  } catch {
    return freemem()
  }
}

/** A fresh store with 64 MiB mapped is scanned, and looked up in; the memory that this adds is sampled in a pass of its own. */
async function withBound(context: Context, sizes: readonly Size[]): Promise<Row> {
  const counts = sizes.map(size => Math.min(lookupsOf(context, size), 50_000))
  const sides = sizes.map(({ label, path, records }, i): Side<Numbers> => {
    let store: ItemStore | undefined
    return {
      name: label,
      operations: counts[i] as number,
      before: () => {
        store = openStore(path, Item, BOUND)
      },
      run: numbers => sumOfPrices(store as ItemStore, numbers[i] as Uint32Array),
      after: () => store?.close(),
      note: () => `a scan adds at most ${(peakOfScan(path, records) / MIB).toFixed(1)} MiB of mapped memory`,
    }
  })
  const input = (seed: number): Numbers =>
    sizes.map(({ records }, i) => randomNumbers(seed, counts[i] as number, records))
  const figures = await alternate(context, { sides, rounds: 5, warmups: 1, input, agree: false })
  return { what: 'random field with 64 MiB mapped', cache: 'warm', sides: figures, targets: [], notes: [] }
}

function peakOfScan(path: string, records: number): number {
  const before = residentFileBytes()
  using store = openStore(path, Item, BOUND)
  let peak = 0
  let sum = 0
  let untilSample = 0
  for (const row of store.scan()) {
    sum += row.price
    if (untilSample-- > 0) continue
    untilSample = Math.ceil(records / 1000)
    peak = Math.max(peak, residentFileBytes() - before)
  }
  if (sum === 0) throw new Error('The pass that samples memory touched none')
  return peak
}

/** Nothing of the records is in memory; then a thousand random ones are read. */
async function coldLookups(context: Context, sizes: readonly Size[]): Promise<Row> {
  const operations = sized(context, 1_000, 50)
  const sides = sizes.flatMap(({ label, path }, i): Side<Numbers>[] => {
    let store: ItemStore | undefined
    let reader: RecordReader | undefined
    const evict = (): void => makeCold(path, dataOffsetOf(path))
    return [
      {
        name: label,
        operations,
        before: () => {
          store = openStore(path, Item)
          evict()
        },
        run: numbers => sumOfPrices(store as ItemStore, numbers[i] as Uint32Array),
        after: () => store?.close(),
      },
      {
        name: `${label}, pread`,
        operations,
        before: () => {
          reader = new RecordReader(path)
          evict()
        },
        run: numbers => sumOfReads(reader as RecordReader, numbers[i] as Uint32Array),
        after: () => reader?.close(),
      },
    ]
  })
  const row = { what: 'random field, cold', cache: 'cold', notes: [] } as const
  const input = (seed: number): Numbers => sizes.map(({ records }) => randomNumbers(seed, operations, records))
  try {
    const figures = await alternate(context, {
      sides,
      rounds: 5,
      warmups: 1,
      warming: 'CPU caches evicted',
      input,
      agree: false,
    })
    const targets = sizes.map(({ label }) =>
      atMost(context, `1 times pread, ${label}`, ratio(figures, label, `${label}, pread`), 1, 'times'),
    )
    return { ...row, sides: figures, targets }
  } catch (error) {
    if (!(error instanceof NotMeasurable)) throw error
    return { ...row, sides: [], targets: [], skipped: error.message }
  }
}

function sumOfPrices(store: ItemStore, numbers: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += store.field(numbers[i] as number, 'price')
  return sum
}

function sumOfLookups(store: ItemStore, numbers: Uint32Array): number {
  const byId = store.index('byId')
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += byId.number(idOf(numbers[i] as number))
  return sum
}

function sumOfLookedUpPrices(store: ItemStore, numbers: Uint32Array): number {
  const byId = store.index('byId')
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += byId.field(idOf(numbers[i] as number), 'price') as number
  return sum
}

function sumOfScan(store: ItemStore): number {
  let sum = 0
  for (const row of store.scan()) sum += row.price
  return sum
}

function sumOfReads(reader: RecordReader, numbers: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) {
    reader.read(numbers[i] as number)
    sum += reader.view.getFloat64(PRICE_AT, true)
  }
  return sum
}

function last(values: Float64Array): number {
  return values[values.length - 1] as number
}
