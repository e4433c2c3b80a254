/**
 * better-sqlite3: WAL, synchronous FULL, prepared statements, a cache that holds the whole store.
 *
 * It is measured past the first reset of its WAL: until then each commit lengthens a file, which costs a sync more.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerStore, peerPackage, type Records } from './peer.ts'

interface Statement {
  run(...values: readonly unknown[]): unknown
}

interface Database {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  transaction<A extends readonly unknown[]>(action: (...values: A) => void): (...values: A) => void
  close(): void
}

type Sqlite = new (path: string) => Database

export const sqlitePeers: readonly Peer[] = [
  { name: 'better-sqlite3, bytes', open: (folder, records) => openSqlite(folder, records, bytesTable) },
  { name: 'better-sqlite3, columns', open: (folder, records) => openSqlite(folder, records, columnsTable) },
]

interface Table {
  insert(n: number): void
  change(n: number, turn: number): void
}

async function openSqlite(
  folder: string,
  records: Records,
  table: (database: Database, records: Records) => Table,
): Promise<PeerStore> {
  mkdirSync(folder)
  const database = new (peerPackage('better-sqlite3') as Sqlite)(join(folder, 'data.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('cache_size = -400000')
  const { insert, change } = table(database, records)
  database.transaction(() => {
    for (let n = 0; n < records.count; n++) insert(n)
  })()
  // What is written next begins at the start of a WAL that has its full length.
  database.pragma('wal_checkpoint(RESTART)')
  const changeMany = database.transaction((numbers: Uint32Array, turn: number) => {
    for (const n of numbers) change(n, turn)
  })
  return { changeOne: change, changeMany, close: () => database.close() }
}

function bytesTable(database: Database, records: Records): Table {
  database.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, record BLOB NOT NULL)')
  const inserting = database.prepare('INSERT INTO trade VALUES (?, ?)')
  const changing = database.prepare('UPDATE trade SET record = ? WHERE id = ?')
  return {
    insert: n => inserting.run(n, records.bytes(n)),
    change: (n, turn) => changing.run(records.changedBytes(n, turn), n),
  }
}

function columnsTable(database: Database, records: Records): Table {
  database.exec(
    'CREATE TABLE trade (id INTEGER PRIMARY KEY, time REAL, price REAL, qty INTEGER, flags INTEGER, symbol TEXT, name TEXT, note TEXT)',
  )
  const inserting = database.prepare('INSERT INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const changing = database.prepare('UPDATE trade SET price = ?, qty = ? WHERE id = ?')
  return {
    insert: n => inserting.run(...Object.values(records.trade(n))),
    change: (n, turn) => changing.run(turn, n, n),
  }
}
