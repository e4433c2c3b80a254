/**
 * Writes a store, or carries one on, so that any system has the same bytes afterwards; tells digests of what it has.
 *
 *   node same-bytes.mjs write FOLDER     a new store with commits, deletions and an index, closed
 *   node same-bytes.mjs carry-on FOLDER  opens it, or what a killed writer left of it, and commits more
 *   node same-bytes.mjs leave FOLDER     commits more and ends without closing, so that a journal is left
 *
 * What is random in a store (its id, the journal's salt) is counted here instead, and time stands still. Prints one line of JSON.
 */

import crypto, { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { z } from 'zod'

// By the length: names of temporary files, of which the systems need different numbers, count for themselves.
const counters = new Map()
crypto.randomBytes = length => {
  const counter = (counters.get(length) ?? 0) + 1
  counters.set(length, counter)
  return Buffer.from(Array.from({ length }, (_, i) => (counter * 37 + i * 11) & 0xff))
}
syncBuiltinESMExports()
Date.now = () => Date.UTC(2026, 10, 21)
const { ascii, openStore, u8, utf8 } = await import('stridedb')

const [action, folder] = process.argv.slice(2)
const path = join(folder, 'same.stride')
const Trade = z.object({
  id: z.uint32(),
  time: z.float64(),
  price: z.float64().nullable(),
  volume: z.int64(),
  side: z.enum(['buy', 'sell']),
  day: z.date(),
  flags: u8(),
  symbol: ascii(8),
  name: utf8(24),
})
const trade = i => ({
  id: i,
  time: i * 0.5,
  price: i % 7 === 0 ? null : Math.sqrt(i),
  volume: BigInt(i) * 1_000_003n,
  side: i % 2 === 0 ? 'buy' : 'sell',
  day: new Date(Date.UTC(2026, 0, 1) + i * 60_000),
  flags: i & 0xff,
  symbol: `S${i % 100}`,
  name: `größe ${i} ✓`,
})

const store = openStore(path, Trade)
const first = store.size
store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(first + i)))
store.commitSync()
for (let n = 0; n < store.size; n += 37) if (store.has(n)) store.update(n, { price: n / 3, flags: 255 })
await store.commit()
for (let n = first + 5; n < store.size; n += 1000) store.delete(n)
for (let i = 0; i < 10; i++) {
  store.append(trade(first + 20_000 + i))
  store.commitSync()
}
const { ok } = await store.verify()
const records = createHash('sha256')
for (const record of store)
  records.update(JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))
const { count, size, recovery } = store
if (action !== 'leave') store.close()
const files = {}
for (const name of readdirSync(folder).sort())
  files[name] = createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex')
writeSync(1, `${JSON.stringify({ ok, count, size, recovery, records: records.digest('hex'), files })}\n`)
process.exit(0)
