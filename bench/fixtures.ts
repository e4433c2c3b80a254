/**
 * The files that benchmarks read: built once, before the clock and outside the measured processes.
 *
 * A '-copy' is the same file again, because one store has one writer: the side that reads and writes by position
 * has the copy open while the mapped side has the original.
 */

import { copyFileSync, existsSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { bytes, openStore } from 'stridedb'
import { z } from 'zod'
import { type Context, fixturePath, recordCount, sized } from './context.ts'
import { Random } from './random.ts'
import { ReorderedTrade, type Texts, Trade, TradeSource } from './trade.ts'

export const RECORD_SIZES = [16, 64, 256, 1024, 4096] as const
export type RecordSize = (typeof RECORD_SIZES)[number]
type Original = 'distinct' | 'repeated' | 'reordered' | 'large' | `size-${RecordSize}`
export type FixtureName = Original | `${Original}-copy`

const CHUNK_RECORDS = 50_000
const LARGE_BYTES = 4 * 2 ** 30
const SIZED_BYTES = 64 * 2 ** 20

/** How many trades the 4 GB store holds. */
export function largeCount(context: Context): number {
  return sized(context, Math.ceil(LARGE_BYTES / 125), 4_000)
}

/** How many records the store of a record size holds: 64 MiB of them. */
export function sizedCount(context: Context, recordSize: RecordSize): number {
  return sized(context, SIZED_BYTES / recordSize, 500)
}

/** A record of so many bytes, of which one field is read. */
export function sizedSchema(recordSize: RecordSize) {
  return z.object({ value: z.uint32(), rest: bytes(recordSize - 4) })
}

/** Builds a fixture unless it is there. */
export async function buildFixture(context: Context, name: FixtureName): Promise<void> {
  const path = fixturePath(context, name)
  if (existsSync(path)) return
  if (name.endsWith('-copy')) {
    const original = name.slice(0, -'-copy'.length) as Original
    await buildFixture(context, original)
    copyFileSync(fixturePath(context, original), path)
  } else if (name.startsWith('size-')) {
    const recordSize = Number(name.slice('size-'.length)) as RecordSize
    await buildSized(path, recordSize, sizedCount(context, recordSize), context.seed)
  } else if (name === 'large') {
    await buildTrades(path, Trade, largeCount(context), new TradeSource(context.seed, 'repeated'))
  } else if (name === 'reordered') {
    await buildTrades(path, ReorderedTrade, recordCount(context), new TradeSource(context.seed, 'repeated'))
  } else {
    await buildTrades(path, Trade, recordCount(context), new TradeSource(context.seed, name as Texts))
  }
}

async function buildTrades(
  path: string,
  schema: typeof Trade | typeof ReorderedTrade,
  count: number,
  source: TradeSource,
): Promise<void> {
  using store = openStore(path, schema as typeof Trade, { capacity: count })
  const isLong = count > 4_000_000
  let chunk = source.take(Math.min(count, CHUNK_RECORDS))
  for (let done = 0; done < count; done += chunk.length) {
    // The long file repeats its first trades: what it is scanned for does not depend on them.
    if (done > 0 && !isLong) chunk = source.take(CHUNK_RECORDS)
    if (chunk.length > count - done) chunk = chunk.slice(0, count - done)
    store.appendMany(chunk)
    // Long builds let signals in between.
    await nextTurn()
  }
  await store.commit()
}

async function buildSized(path: string, recordSize: RecordSize, count: number, seed: number): Promise<void> {
  const random = new Random(seed)
  using store = openStore(path, sizedSchema(recordSize), { capacity: count })
  const rest = new Uint8Array(recordSize - 4).fill(7)
  for (let done = 0; done < count; done += CHUNK_RECORDS) {
    const length = Math.min(CHUNK_RECORDS, count - done)
    store.appendMany(Array.from({ length }, () => ({ value: random.next(), rest })))
  }
  await store.commit()
}
