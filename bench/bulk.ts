/**
 * Is a call for k records ever slower than a loop of k calls? `gather`, `getMany` and an index's `numbers`, k from 1 to 100,000.
 *
 * Every pass asks for the same 100,000 random numbers, k at a time.
 */

import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { buildItems, ITEM_INDEXES, Item, idOf, PRICE_AT } from './items.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atMost, ratio } from './targets.ts'

type ItemStore = Store<typeof Item>

/** What a pass asks for: k numbers at a time, and the ids of the same records. */
interface Asked {
  readonly numbers: readonly Uint32Array[]
  readonly ids: readonly Uint32Array[]
}

interface Call {
  readonly name: string
  readonly inLoop: string
  readonly run: (store: ItemStore, asked: Asked) => number
  readonly runLoop: (store: ItemStore, asked: Asked) => number
  readonly runC?: (file: CFile, asked: Asked) => number
}

const CALLS: readonly Call[] = [
  { name: 'gather', inLoop: 'field in a loop', run: gathers, runLoop: fields, runC: gathersInC },
  { name: 'getMany', inLoop: 'get in a loop', run: getManys, runLoop: gets },
  { name: 'numbers', inLoop: 'number in a loop', run: numbersOfKeys, runLoop: numberOfKeys },
]
const KS = [1, 10, 100, 1_000, 100_000] as const

/** Calling C from JavaScript takes a fifth of a microsecond: from so many numbers on that is nothing. */
const FFI_IS_NOTHING = 1_000

export const bulk: Benchmark = {
  name: 'bulk',
  question: 'a call for k records, beside a loop of k calls',
  needs: [],
  async *run(context) {
    const path = join(context.folder, 'bulk.stride')
    await buildItems(path, recordCount(context))
    const built = openStore(path, Item)
    await built.createIndex('byId', ITEM_INDEXES.byId)
    await built.closeAsync()
    for (const call of CALLS) for (const k of KS) yield await callFor(context, path, call, k)
  },
}

async function callFor(context: Context, path: string, call: Call, k: number): Promise<Row> {
  const operations = sized(context, 100_000, 1_000)
  using store = openStore(path, Item)
  using file = call.runC === undefined ? undefined : CFile.open(path)
  const { runC } = call
  const sides: Side<Asked>[] = [
    { name: call.name, operations, run: asked => call.run(store, asked) },
    { name: call.inLoop, operations, run: asked => call.runLoop(store, asked) },
  ]
  if (runC !== undefined && file !== undefined && k >= FFI_IS_NOTHING)
    sides.push({ name: 'C', operations, run: asked => runC(file, asked) })
  const input = (seed: number): Asked => {
    const all = randomNumbers(seed, operations, recordCount(context))
    return { numbers: inPieces(all, k), ids: inPieces(all.map(idOf), k) }
  }
  const figures = await alternate(context, { sides, rounds: 9, input })
  const toLoop = ratio(figures, call.name, call.inLoop)
  return {
    what: `${call.name} of ${k} random numbers at a time`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, `1 times the ${call.inLoop}`, toLoop, 1, 'times'),
      ...(runC !== undefined && k === 100_000
        ? [atMost(context, '2.5 times C', ratio(figures, call.name, 'C'), 2.5, 'times')]
        : []),
    ],
    notes: [],
  }
}

function inPieces(all: Uint32Array, k: number): Uint32Array[] {
  return Array.from({ length: Math.ceil(all.length / k) }, (_, i) => all.subarray(i * k, (i + 1) * k))
}

function gathers(store: ItemStore, { numbers }: Asked): number {
  let sum = 0
  for (const some of numbers) sum += store.gather('price', some)[0] as number
  return sum
}

function fields(store: ItemStore, { numbers }: Asked): number {
  let sum = 0
  for (const some of numbers) {
    const prices = new Float64Array(some.length)
    for (let i = 0; i < some.length; i++) prices[i] = store.field(some[i] as number, 'price')
    sum += prices[0] as number
  }
  return sum
}

function gathersInC(file: CFile, { numbers }: Asked): number {
  let sum = 0
  for (const some of numbers) sum += file.gather(PRICE_AT, some)[0] as number
  return sum
}

function getManys(store: ItemStore, { numbers }: Asked): number {
  let sum = 0
  for (const some of numbers) sum += store.getMany(some)[0]?.price ?? 0
  return sum
}

function gets(store: ItemStore, { numbers }: Asked): number {
  let sum = 0
  for (const some of numbers) {
    const items = new Array(some.length)
    for (let i = 0; i < some.length; i++) items[i] = store.get(some[i] as number)
    sum += items[0].price
  }
  return sum
}

function numbersOfKeys(store: ItemStore, { ids }: Asked): number {
  const byId = store.index('byId')
  let sum = 0
  for (const some of ids) sum += byId.numbers(some)[0] as number
  return sum
}

function numberOfKeys(store: ItemStore, { ids }: Asked): number {
  const byId = store.index('byId')
  let sum = 0
  for (const some of ids) {
    const numbers = new Float64Array(some.length)
    for (let i = 0; i < some.length; i++) numbers[i] = byId.number(some[i] as number)
    sum += numbers[0] as number
  }
  return sum
}
