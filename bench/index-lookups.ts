/**
 * What does a lookup by key cost, among a million records and among fifty million, beside other stores?
 *
 * All sides answer record numbers, or the price of the record; 'C' is an open-addressing table over the same mapped memory,
 * 'Map' a JavaScript map in the heap.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, recordCount, sized, whyNoPeers } from './context.ts'
import { buildItems, codeOf, ITEM_INDEXES, Item, idOf, randomIds } from './items.ts'
import { alternate, type Side } from './measure.ts'
import { LOOKUP_PEERS, type LookupStore } from './peers/lookups.ts'
import { whyPeerIsMissing } from './peers/peer.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'

const HASH = 'hash'
const HASH_FIELD = 'hash, to one field'
const ORDERED = 'ordered'

interface OpenPeer {
  readonly name: string
  readonly store: LookupStore
}

export const indexLookups: Benchmark = {
  name: 'index-lookups',
  question: 'records by key among a million, beside other stores',
  needs: [],
  async *run(context) {
    const records = recordCount(context)
    const path = join(context.folder, 'lookups.stride')
    await buildIndexed(path, records, ['byId', 'byIdInOrder', 'byCode', 'byCodeInOrder'])
    yield await words(context, path, records, { isWhole: true, bounds: [150, 200, 400] })
    yield await wordsAtOnce(context, path, records)
    yield await texts(context, path, records)
  },
}

export const indexLookupsLarge: Benchmark = {
  name: 'index-lookups-large',
  question: 'records by key among fifty million: 10 GB of files, half an hour',
  needs: [],
  isAskedFor: true,
  async *run(context) {
    const records = sized(context, 50_000_000, 3_000)
    const path = join(context.folder, 'lookups-large.stride')
    await buildIndexed(path, records, ['byId', 'byIdInOrder'])
    // Three times what a million may take.
    yield await words(context, path, records, { isWhole: false, bounds: [450, 600, 1200] })
    yield await wordsAtOnce(context, path, records)
  },
}

async function buildIndexed(
  path: string,
  records: number,
  names: readonly (keyof typeof ITEM_INDEXES)[],
): Promise<void> {
  if (existsSync(path)) return
  await buildItems(path, records)
  const store = openStore(path, Item)
  for (const name of names) await store.createIndex(name, ITEM_INDEXES[name])
  await store.closeAsync()
}

async function words(
  context: Context,
  path: string,
  records: number,
  { isWhole, bounds }: { readonly isWhole: boolean; readonly bounds: readonly [number, number, number] },
): Promise<Row> {
  const operations = sized(context, 1_000_000, 1_000)
  const input = (seed: number): Uint32Array => randomIds(seed, operations, records)
  using store = openStore(path, Item)
  const byId = store.index('byId')
  const inOrder = store.index('byIdInOrder')
  const { peers, notes } = await openPeers(context, records, isWhole)
  const sides: Side<ArrayLike<number>>[] = [
    oneByOne(HASH, operations, key => byId.number(key)),
    oneByOne(HASH_FIELD, operations, key => byId.field(key, 'price') as number),
    oneByOne(ORDERED, operations, key => inOrder.number(key)),
    ...peers.map(({ name, store: peer }) => oneByOne(name, operations, (key: number) => peer.price(key))),
  ]
  if (isWhole) {
    const map = new Map(Array.from({ length: records }, (_, n) => [idOf(n), n]))
    sides.push(oneByOne('Map in the heap', operations, key => map.get(key) ?? -1))
  }
  const figures = await alternate(context, { sides, rounds: 7, input, agree: false })
  for (const { store: peer } of peers) await peer.close()
  const kept = isWhole ? [] : ['other stores keep the price alone here, so that all of them fit into memory']
  return {
    what: `record numbers or prices of ${operations} random u32 keys among ${records}, one at a time`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, `${bounds[0]} ns to a number`, nsOf(figures, HASH), bounds[0], 'ns'),
      atMost(context, `${bounds[1]} ns to a field`, nsOf(figures, HASH_FIELD), bounds[1], 'ns'),
      atMost(context, `${bounds[2]} ns in an ordered index`, nsOf(figures, ORDERED), bounds[2], 'ns'),
      ...[
        ['lmdb-js, getBinary', 5] as const,
        ['lmdb-js, getBinaryFast', 5] as const,
        ['better-sqlite3, SELECT price', 12] as const,
      ].flatMap(([peer, times]) => [
        atLeast(context, `${times} times ${peer}, to a number`, ratio(figures, peer, HASH), times, 'times'),
        atLeast(
          context,
          `${times} times ${peer}, to a field`,
          ratio(figures, peer, HASH_FIELD),
          times,
          'times',
        ),
      ]),
    ],
    notes: [...notes, ...kept],
  }
}

async function wordsAtOnce(context: Context, path: string, records: number): Promise<Row> {
  const operations = sized(context, 500_000, 1_000)
  using store = openStore(path, Item)
  const sides: Side<Uint32Array>[] = [
    { name: HASH, operations, run: keys => probe(store.index('byId').numbers(keys)) },
    { name: ORDERED, operations, run: keys => probe(store.index('byIdInOrder').numbers(keys)) },
  ]
  using c = CFile.open(path)
  if (c !== undefined) {
    const find = c.table(records)
    sides.push({ name: 'C', operations, run: keys => probe(find(keys)) })
  }
  const input = (seed: number): Uint32Array => randomIds(seed, operations, records)
  const figures = await alternate(context, { sides, rounds: 7, input })
  return {
    what: `record numbers of ${operations} random u32 keys among ${records}, at once`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '100 ns a key', nsOf(figures, HASH), 100, 'ns'),
      atMost(context, '3 times the C table', ratio(figures, HASH, 'C'), 3, 'times'),
    ],
    notes: [],
  }
}

async function texts(context: Context, path: string, records: number): Promise<Row> {
  const operations = sized(context, 500_000, 1_000)
  // Copied, so that they are flat, as texts are that come from somewhere.
  const input = (seed: number): string[] =>
    Array.from(randomNumbers(seed, operations, records), n => Buffer.from(codeOf(n)).toString())
  using store = openStore(path, Item)
  const sides: Side<string[]>[] = [
    oneByOne(HASH, operations, key => store.index('byCode').number(key)),
    oneByOne(ORDERED, operations, key => store.index('byCodeInOrder').number(key)),
    {
      name: 'ordered, at once',
      operations,
      run: keys => sumOf(store.index('byCodeInOrder').numbers(keys)),
    },
  ]
  const figures = await alternate(context, { sides, rounds: 7, input })
  return {
    what: `record numbers of ${operations} random texts of up to 16 bytes among ${records}`,
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '600 ns in an ordered index', nsOf(figures, ORDERED), 600, 'ns')],
    notes: [],
  }
}

async function openPeers(
  context: Context,
  records: number,
  isWhole: boolean,
): Promise<{ readonly peers: readonly OpenPeer[]; readonly notes: readonly string[] }> {
  const why = whyNoPeers(context)
  if (why !== undefined) return { peers: [], notes: [why] }
  const peers: OpenPeer[] = []
  const notes: string[] = []
  for (const [i, { name, library, open }] of LOOKUP_PEERS.entries()) {
    const missing = whyPeerIsMissing(library)
    if (missing !== undefined) notes.push(`${name} IS NOT COMPARED: ${missing}`)
    else
      peers.push({
        name,
        store: await open(join(context.folder, `lookup-peer-${records}-${i}`), records, isWhole),
      })
  }
  return { peers, notes }
}

/**
 * A side that looks keys up one by one, in a loop of its own: one loop for all sides would be compiled for none of them, and
 * programs look up one thing at one place.
 */
export function oneByOne<K>(name: string, operations: number, find: (key: K) => number): Side<ArrayLike<K>> {
  const loop = new Function(
    'keys',
    'find',
    // Equal sources would be one function.
    `// ${name}\nlet total = 0; for (let i = 0; i < keys.length; i++) total += find(keys[i]); return total`,
  ) as (keys: ArrayLike<K>, find: (key: K) => number) => number
  return { name, operations, run: keys => loop(keys, find) }
}

function sumOf(numbers: Float64Array): number {
  let total = 0
  for (const n of numbers) total += n
  return total
}

/** The array must be there; reading it is not part of the question. */
function probe(numbers: Float64Array): number {
  const { length } = numbers
  return (numbers[0] as number) + (numbers[length >>> 1] as number) + (numbers[length - 1] as number)
}
