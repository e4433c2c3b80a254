/**
 * What does keeping keys cost: building an index, walking its ranges, inserting into it?
 *
 * Lookups: index-lookups.ts. How an index grows: index-growth.ts.
 */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import type { z } from 'zod'
import { type Benchmark, type Context, recordCount } from './context.ts'
import { buildItems, ITEM_INDEXES, Item, idOf, items } from './items.ts'
import { alternate, type Side } from './measure.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, nsOf } from './targets.ts'

export const indexes: Benchmark = {
  name: 'indexes',
  question: 'keeping keys: building, ranges, inserting, size',
  needs: [],
  isSlow: true,
  async *run(context) {
    const path = join(context.folder, 'items.stride')
    await buildItems(path, recordCount(context))
    yield* building(context, path)
    yield await ranges(context, path)
    yield await inserting(context)
  },
}

async function* building(context: Context, path: string): AsyncIterable<Row> {
  const operations = recordCount(context)
  const bounds = { byId: 400, byIdInOrder: 1200, byCode: 400, byCodeInOrder: 1200 }
  const most = { byId: 16, byIdInOrder: 14.4, byCode: 16, byCodeInOrder: 33.6 }
  let bytesBefore = 0
  for (const name of Object.keys(ITEM_INDEXES) as (keyof typeof ITEM_INDEXES)[]) {
    using store = openStore(path, Item)
    let bytes = 0
    const side: Side = {
      name,
      operations,
      run: async () => {
        await store.createIndex(name, ITEM_INDEXES[name])
        return operations
      },
      after: () => {
        bytes = statSync(`${path}-index`).size
      },
    }
    const sides = await alternate(context, { sides: [side], rounds: 1, warmups: 0, warming: 'none' })
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

async function ranges(context: Context, path: string): Promise<Row> {
  const operations = recordCount(context)
  using store = openStore(path, Item, { indexes: ITEM_INDEXES })
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
  const figures = await alternate(context, { sides, rounds: 5, warmups: 1, agree: false })
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
  const two = { byId: ITEM_INDEXES.byId, byCodeInOrder: { on: 'id', kind: 'ordered' } } as const
  let store: Store<typeof Item> | undefined
  const worstMs = { with: 0, without: 0 }
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
        const key = indexed ? 'with' : 'without'
        worstMs[key] = Math.max(worstMs[key], performance.now() - start)
      }
      await store?.commit()
      return operations
    },
    after: () => store?.close(),
  })
  const sides = [side('with a hash and an ordered index', true), side('without', false)]
  const figures = await alternate(context, { sides, rounds: 3, warmups: 1 })
  const perSecond = 1e9 / (nsOf(figures, 'with a hash and an ordered index') ?? Number.NaN)
  return {
    what: `${operations} records appended one by one in one transaction, and committed`,
    cache: 'does not apply',
    sides: figures,
    targets: [
      atLeast(context, '400,000 records a second', perSecond, 400_000, 'records/s'),
      atMost(context, '10 ms for a single insert', worstMs.with, 10, 'ms'),
    ],
    notes: [
      `longest insert without an index, which waits for the disk as well: ${worstMs.without.toFixed(1)} ms`,
    ],
  }
}
