/**
 * How fast does CSV come in and go out, beside csv-parse and the sqlite3 shell? npx tsx bench/transfer.ts [rows]
 *
 * The records are trades of eight fields. One run alternates the candidates three times and prints the best of each. Everything is
 * committed: our import with its sync, sqlite3's into a table without an index. Without sqlite3 on the machine its lines are left out.
 */

import { spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse'
import { ascii, openStore, u8, utf8 } from 'stridedb'
import { exportCsv, importCsv } from 'stridedb/transfer'
import { z } from 'zod'

const Trade = z.object({
  id: z.uint32(),
  time: z.float64(),
  price: z.float64(),
  qty: z.uint32(),
  flags: u8(),
  symbol: ascii(8),
  name: utf8(32),
  note: utf8(60),
})
const ROUNDS = 3
const rows = Number(process.argv[2] ?? 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'stridedb-transfer-'))
const csv = join(folder, 'trades.csv')
const best = new Map<string, number>()

async function timed(name: string, work: () => unknown): Promise<void> {
  const start = performance.now()
  await work()
  best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, performance.now() - start))
}

function sqlite(...args: readonly string[]): void {
  const { status, error } = spawnSync('sqlite3', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (error !== undefined || status !== 0) throw error ?? new Error(`sqlite3 ended with ${status}`)
}

function writeTrades(): void {
  const lines = ['id,time,price,qty,flags,symbol,name,note']
  for (let i = 0; i < rows; i++) {
    const note = i % 3 === 0 ? '' : `note of trade ${i}`
    const cells = [i, 1.7e12 + i, (i % 1000) / 8, (i * 7) % 100_000, i % 256, `S${i % 997}`, `Name ${i}`, note]
    lines.push(cells.join(','))
  }
  writeFileSync(csv, `${lines.join('\n')}\n`)
}

try {
  writeTrades()
  const hasSqlite = spawnSync('sqlite3', ['--version']).error === undefined
  for (let round = 0; round < ROUNDS; round++) {
    const store = openStore(join(folder, `${round}.stride`), Trade)
    await timed('import, stridedb, committed', () => importCsv(store, csv))
    await timed('export, stridedb', () => exportCsv(store, join(folder, `${round}.csv`)))
    store.close()
    if (hasSqlite) {
      const database = join(folder, `${round}.sqlite`)
      const table =
        'create table t(id integer,time real,price real,qty integer,flags integer,symbol text,name text,note text)'
      await timed('import, sqlite3 .import', () =>
        sqlite(database, table, '.mode csv', `.import --skip 1 ${csv} t`),
      )
      const output = `.output ${join(folder, `${round}-sqlite.csv`)}`
      await timed('export, sqlite3 .mode csv', () => sqlite(database, '.mode csv', output, 'select * from t'))
    }
    await timed('parse alone, csv-parse', async () => {
      for await (const _ of createReadStream(csv).pipe(parse({ columns: true }))) {
      }
    })
  }
  for (const [name, ms] of best)
    console.log(`${name}: ${Math.round(ms)} ms, ${Math.round(rows / ms)} thousand rows/s`)
  console.log(`load ${loadavg().map(Math.round).join(' ')}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
