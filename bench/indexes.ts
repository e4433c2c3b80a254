/**
 * What does a lookup by key cost, and what does keeping the keys?
 *
 * The records are 125 bytes with a random id first, so that the C loops find it, and a text of 16 characters. Every side
 * answers record numbers; 'C' is an open-addressing table over the same mapped memory, 'Map' a JavaScript map in the heap.
 */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, bytes, openStore, type Store } from 'stridedb'
import { z } from 'zod'
import { cSides } from './c-baseline.ts'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { alternate, type Row, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'

const Item = z.object({ id: z.uint32(), price: z.float64(), code: ascii(16), rest: bytes(97) })
const INDEXES = {
  byId: { on: 'id', unique: true },
  byIdInOrder: { on: 'id', kind: 'ordered', unique: true },
  byCode: { on: 'code', unique: true },
  byCodeInOrder: { on: 'code', kind: 'ordered' },
} as const

export const indexes: Benchmark = {
  name: 'indexes',
  question: 'records by key: lookups, ranges, building, inserting, size',
  needs: [],
  async *run(context) {
    const path = join(context.folder, 'items.stride')
    await buildItems(context, path)
    yield* building(context, path)
    yield await wordLookups(context, path)
    yield await batchedLookups(context, path)
    yield await textLookups(context, path)
    yield await ranges(context, path)
    yield await inserting(context)
  },
}

/** Distinct ids in no order. */
function idOf(n: number): number {
  return Math.imul(n + 1, 0x9e3779b1) >>> 0
}

function itemOf(n: number, rest: Uint8Array) {
  const id = idOf(n)
  return { id, price: n / 8, code: `${id.toString(36)}-${(n % 97).toString(36)}`, rest }
}

function* items(from: number, count: number) {
  const rest = new Uint8Array(97).fill(7)
  for (let n = from; n < from + count; n++) yield itemOf(n, rest)
}

async function buildItems(context: Context, path: string): Promise<void> {
  using store = openStore(path, Item, { capacity: recordCount(context) })
  store.appendMany(items(0, recordCount(context)))
  await store.commit()
}

async function* building(context: Context, path: string): AsyncIterable<Row> {
  const operations = recordCount(context)
  const bounds = { byId: 400, byIdInOrder: 1200, byCode: 400, byCodeInOrder: 1200 }
  const most = { byId: 16, byIdInOrder: 14.4, byCode: 16, byCodeInOrder: 33.6 }
  let bytesBefore = 0
  for (const name of Object.keys(INDEXES) as (keyof typeof INDEXES)[]) {
    using store = openStore(path, Item)
    let bytes = 0
    const side: Side = {
      name,
      operations,
      run: async () => {
        await store.createIndex(name, INDEXES[name])
        return operations
      },
      after: () => {
        bytes = statSync(`${path}-index`).size
      },
    }
    const sides = await alternate([side], { rounds: 1, warmups: 0 })
    const perKey = (bytes - bytesBefore) / operations
    bytesBefore = bytes
    const ms = ((nsOf(sides, name) ?? Number.NaN) * operations) / 1e6
    yield {
      what: `building ${name} over ${operations} records`,
      cache: 'warm',
      sides,
      targets: [
        atMost(context, `${bounds[name]} ms`, ms, bounds[name], 'ms'),
        atMost(context, `${most[name]} bytes a key on disk`, perKey, most[name], 'bytes'),
      ],
      notes: [],
    }
  }
}

async function wordLookups(context: Context, path: string): Promise<Row> {
  const operations = sized(context, 1_000_000, 1_000)
  const keys = keysOf(context, operations)
  using store = openStore(path, Item, { indexes: INDEXES })
  const map = new Map(Array.from({ length: recordCount(context) }, (_, n) => [idOf(n), n]))
  const byId = store.index('byId')
  const inOrder = store.index('byIdInOrder')
  const sides: Side[] = [
    { name: 'hash', operations, run: () => sum(keys, key => byId.number(key)) },
    { name: 'hash, to one field', operations, run: () => sum(keys, key => byId.field(key, 'price')) },
    { name: 'ordered', operations, run: () => sum(keys, key => inOrder.number(key)) },
    { name: 'Map in the heap', operations, run: () => sum(keys, key => map.get(key) ?? -1) },
  ]
  const figures = await alternate(sides, { rounds: sized(context, 7, 1), warmups: 2, agree: false })
  return {
    what: `record numbers of ${operations} random u32 keys, one at a time`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '150 ns to a number', nsOf(figures, 'hash'), 150, 'ns'),
      atMost(context, '200 ns to a field', nsOf(figures, 'hash, to one field'), 200, 'ns'),
      atMost(context, '400 ns in an ordered index', nsOf(figures, 'ordered'), 400, 'ns'),
    ],
    notes: [],
  }
}

async function batchedLookups(context: Context, path: string): Promise<Row> {
  const operations = sized(context, 500_000, 1_000)
  const keys = keysOf(context, operations)
  using store = openStore(path, Item, { indexes: INDEXES })
  const byId = store.index('byId')
  const records = recordCount(context)
  const sides: Side[] = [
    { name: 'hash', operations, run: () => probe(byId.numbers(keys)) },
    { name: 'ordered', operations, run: () => probe(store.index('byIdInOrder').numbers(keys)) },
    ...cSides({ loop: 'hash', operations, seed: context.seed, records, files: [path] }),
  ]
  const figures = await alternate(sides, { rounds: sized(context, 7, 1), warmups: 2 })
  return {
    what: `record numbers of ${operations} random u32 keys at once`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '100 ns a key', nsOf(figures, 'hash'), 100, 'ns'),
      atMost(context, '3 times the C table', ratio(figures, 'hash', 'C'), 3, 'times'),
    ],
    notes: [],
  }
}

async function textLookups(context: Context, path: string): Promise<Row> {
  const operations = sized(context, 500_000, 1_000)
  const numbers = randomNumbers(context.seed, operations, recordCount(context))
  const rest = new Uint8Array(97)
  const keys = Array.from(numbers, n => Buffer.from(itemOf(n, rest).code).toString())
  using store = openStore(path, Item, { indexes: INDEXES })
  const sides: Side[] = [
    { name: 'hash', operations, run: () => sum(keys, key => store.index('byCode').number(key)) },
    { name: 'ordered', operations, run: () => sum(keys, key => store.index('byCodeInOrder').number(key)) },
    { name: 'ordered, at once', operations, run: () => sumOf(store.index('byCodeInOrder').numbers(keys)) },
  ]
  const figures = await alternate(sides, { rounds: sized(context, 7, 1), warmups: 2 })
  return {
    what: `record numbers of ${operations} random texts of up to 16 bytes`,
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '600 ns in an ordered index', nsOf(figures, 'ordered'), 600, 'ns')],
    notes: [],
  }
}

async function ranges(context: Context, path: string): Promise<Row> {
  const operations = recordCount(context)
  using store = openStore(path, Item, { indexes: INDEXES })
  const inOrder = store.index('byIdInOrder')
  const rows = (): number => {
    let total = 0
    for (const row of inOrder.range()) total += row.price
    return total
  }
  const sides: Side[] = [
    { name: 'to numbers', operations, run: () => inOrder.range().numbers().length },
    { name: 'to rows, one field', operations, run: rows },
  ]
  const figures = await alternate(sides, { rounds: sized(context, 5, 1), warmups: 1, agree: false })
  const perSecond = (name: string): number => 1000 / (nsOf(figures, name) ?? Number.NaN)
  return {
    what: `a range of all ${operations} keys in order`,
    cache: 'warm',
    sides: figures,
    targets: [
      atLeast(context, '10 million a second to numbers', perSecond('to numbers'), 10, 'million/s'),
      atLeast(context, '3 million a second to rows', perSecond('to rows, one field'), 3, 'million/s'),
    ],
    notes: [],
  }
}

async function inserting(context: Context): Promise<Row> {
  const operations = recordCount(context)
  const two = { byId: INDEXES.byId, byCodeInOrder: { on: 'id', kind: 'ordered' } } as const
  let store: Store<typeof Item> | undefined
  let worstMs = 0
  let at = 0
  const side = (name: string, indexed: boolean): Side => ({
    name,
    operations,
    before: () => {
      const options = { capacity: operations, ...(indexed ? { indexes: two } : {}) }
      store = openStore(join(context.folder, `inserted-${at++}.stride`), Item, options)
    },
    run: async () => {
      const records = [...items(0, 1000)]
      for (let n = 0; n < operations; n++) {
        const record = { ...(records[n % 1000] as z.output<typeof Item>), id: idOf(n) }
        const start = performance.now()
        store?.append(record)
        if (indexed) worstMs = Math.max(worstMs, performance.now() - start)
      }
      await store?.commit()
      return operations
    },
    after: () => store?.close(),
  })
  const sides = [side('with a hash and an ordered index', true), side('without', false)]
  const figures = await alternate(sides, { rounds: sized(context, 3, 1), warmups: 1 })
  const perSecond = 1e9 / (nsOf(figures, 'with a hash and an ordered index') ?? Number.NaN)
  return {
    what: `${operations} records appended one by one in one transaction, and committed`,
    cache: 'does not apply',
    sides: figures,
    targets: [
      atLeast(context, '400,000 records a second', perSecond, 400_000, 'records/s'),
      atMost(context, '10 ms for a single insert', worstMs, 10, 'ms'),
    ],
    notes: [],
  }
}

function keysOf(context: Context, count: number): Uint32Array {
  return randomNumbers(context.seed, count, recordCount(context)).map(idOf)
}

function sum<K>(keys: ArrayLike<K>, find: (key: K) => number): number {
  let total = 0
  for (let i = 0; i < keys.length; i++) total += find(keys[i] as K)
  return total
}

function sumOf(numbers: Float64Array): number {
  let total = 0
  for (const n of numbers) total += n
  return total
}

/** As the C loop does. */
function probe(numbers: Float64Array): number {
  const { length } = numbers
  return (numbers[0] as number) + (numbers[length >>> 1] as number) + (numbers[length - 1] as number)
}
