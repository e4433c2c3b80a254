/**
 * Which records are queries measured over, and who answers the same questions? DuckDB with a table in memory on one thread, and
 * better-sqlite3 with a table of the same columns and indexes.
 *
 * A peer that is not installed is left out, and the reason is printed with every row.
 */

import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { attach, type DuckConnection } from 'stridedb/duckdb'
import { type Context, recordCount } from './context.ts'
import { peerPackage, whyPeerIsMissing } from './peers/peer.ts'
import { Random } from './random.ts'
import { Trade, type TradeRecord, TradeSource } from './trade.ts'

export type TradeStore = Store<typeof Trade>

/** Groups of `name`. */
const NAMES = 100_000
export const SYMBOLS = ['ACME', 'BOLT', 'CRUX', 'DELTA', 'ECHO', 'FLUX', 'GRID', 'HELIX'] as const
/** Milliseconds between the times of two records. */
export const TIME_STEP = 250
const CHUNK_RECORDS = 50_000

/** Trades with a symbol of 8, a name of 100,000, distinct notes, a hash index over `id` and an ordered one over `time`. */
export async function buildQueried(context: Context): Promise<TradeStore> {
  const store = openStore(join(context.folder, 'queries.stride'), Trade)
  const source = new TradeSource(context.seed, 'distinct')
  const random = new Random(context.seed)
  const next = (): TradeRecord => ({
    ...source.next(),
    symbol: SYMBOLS[random.below(SYMBOLS.length)] as string,
    name: `Name ${random.below(NAMES)}`,
  })
  const count = recordCount(context)
  for (let done = 0; done < count; done += CHUNK_RECORDS)
    store.appendMany(Array.from({ length: Math.min(CHUNK_RECORDS, count - done) }, next))
  await store.commit()
  await store.createIndex('byId', { on: 'id', unique: true })
  await store.createIndex('byTime', { on: 'time', kind: 'ordered' })
  return store
}

/** Runs SQL over the table `trade`. */
export type AskDuckDB = (sql: string) => Promise<readonly (readonly unknown[])[]>

/** @returns what runs SQL, or why DuckDB is missing */
export async function duckdbTable(store: TradeStore): Promise<AskDuckDB | string> {
  const connection = await connect().catch((error: Error) => error)
  if (connection instanceof Error) return `DuckDB does not load: ${connection.message.split('\n')[0]}`
  const live = await attach(connection, 'live', store)
  await connection.run('CREATE TABLE trade AS FROM live')
  await live.detach()
  await connection.run('SET threads = 1')
  return async sql => (await connection.run(sql)).getRows()
}

async function connect(): Promise<DuckConnection> {
  const packageName: string = '@duckdb/node-api'
  const { DuckDBInstance } = (await import(packageName)) as {
    DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<DuckConnection> }> }
  }
  return (await DuckDBInstance.create(':memory:')).connect()
}

interface Statement<Row> {
  all(...values: readonly unknown[]): readonly Row[]
  run(...values: readonly unknown[]): unknown
}
export interface SqliteTable {
  prepare<Row>(sql: string): Statement<Row>
  exec(sql: string): unknown
  pragma(sql: string): unknown
  close(): void
}

/** The table `trade` with the indexes of the store. @returns it, or why better-sqlite3 is missing */
export function sqliteTable(context: Context, store: TradeStore): SqliteTable | string {
  const missing = whyPeerIsMissing('better-sqlite3')
  if (missing !== undefined) return `better-sqlite3 does not load: ${missing}`
  const Sqlite = peerPackage('better-sqlite3') as new (path: string) => SqliteTable
  const database = new Sqlite(join(context.folder, 'queries.sqlite'))
  for (const setting of [
    'journal_mode = WAL',
    'synchronous = OFF',
    'cache_size = -1000000',
    'mmap_size = 4294967296',
  ])
    database.pragma(setting)
  database.exec(
    'CREATE TABLE trade (id INTEGER NOT NULL, time REAL NOT NULL, price REAL NOT NULL, qty INTEGER NOT NULL, flags INTEGER NOT NULL, symbol TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL)',
  )
  const insert = database.prepare('INSERT INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  database.exec('BEGIN')
  for (const { id, time, price, qty, flags, symbol, name, note } of store)
    insert.run(id, time, price, qty, flags, symbol, name, note)
  database.exec('COMMIT')
  database.exec('CREATE UNIQUE INDEX byId ON trade (id)')
  database.exec('CREATE INDEX byTime ON trade (time)')
  database.pragma('wal_checkpoint(TRUNCATE)')
  return database
}
