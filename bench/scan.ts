/**
 * What does walking over all records cost: with a filter on one column, and as objects?
 */

import { openStore, type Store } from 'stridedb'
import { AT, decodeTrade, forEachChunk, TRADE_BYTES } from './baseline.ts'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount } from './context.ts'
import { alternate, type Side } from './measure.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

export const scan: Benchmark = {
  name: 'scan',
  question: 'all records in order',
  needs: ['distinct', 'distinct-copy'],
  async *run(context) {
    yield await filtered(context)
    yield await objects(context)
  },
}

async function filtered(context: Context): Promise<Row> {
  const operations = recordCount(context)
  const path = fixturePath(context, 'distinct')
  using mapped = openStore(path, Trade)
  using file = openStore(fixturePath(context, 'distinct-copy'), Trade, { backend: 'file' })
  const sides: Side[] = [
    { name: mapped.backend, operations, run: () => scanRows(mapped) },
    { name: file.backend, operations, run: () => scanRows(file) },
    { name: 'fs.readSync, 1 MiB', operations, run: () => scanChunks(path, operations) },
  ]
  using c = CFile.open(path)
  if (c !== undefined) sides.push({ name: 'C', operations, run: () => c.scan(operations) })
  const figures = await alternate(context, { sides, rounds: 11, warmups: 3 })
  return {
    what: `scan with a filter, row.price > ${PRICE_LIMIT} then sum row.qty`,
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '1.4 times C', ratio(figures, 'mapped', 'C'), 1.4, 'times')],
    notes: ['one record in ten passes the filter'],
  }
}

async function objects(context: Context): Promise<Row> {
  const operations = recordCount(context)
  const path = fixturePath(context, 'distinct')
  using mapped = openStore(path, Trade)
  using file = openStore(fixturePath(context, 'distinct-copy'), Trade, { backend: 'file' })
  const sides: Side[] = [
    { name: mapped.backend, operations, run: () => walkObjects(mapped) },
    { name: file.backend, operations, run: () => walkObjects(file) },
    { name: 'fs.readSync, 1 MiB + decode', operations, run: () => decodeChunks(path, operations) },
  ]
  const figures = await alternate(context, { sides, rounds: 7 })
  const ns = nsOf(figures, 'mapped')
  const millions = ns === undefined ? undefined : 1e3 / ns
  return {
    what: 'for (const trade of store), objects with three distinct texts',
    cache: 'warm',
    sides: figures,
    targets: [atLeast(context, '2 million objects/s', millions, 2, 'million/s')],
    notes: [],
  }
}

function scanRows(store: TradeStore): number {
  let sum = 0
  for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
  return sum
}

function scanChunks(path: string, count: number): number {
  let sum = 0
  forEachChunk(path, count, (view, _bytes, records) => {
    const end = records * TRADE_BYTES
    for (let at = 0; at < end; at += TRADE_BYTES) {
      if (view.getFloat64(at + AT.price, true) > PRICE_LIMIT) sum += view.getUint32(at + AT.qty, true)
    }
  })
  return sum
}

function walkObjects(store: TradeStore): number {
  let sum = 0
  for (const trade of store) sum += trade.qty + trade.note.length
  return sum
}

function decodeChunks(path: string, count: number): number {
  let sum = 0
  forEachChunk(path, count, (view, bytes, records) => {
    for (let i = 0; i < records; i++) {
      const trade = decodeTrade(view, bytes, i * TRADE_BYTES)
      sum += trade.qty + trade.note.length
    }
  })
  return sum
}
