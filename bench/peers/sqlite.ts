/**
 * SQLite by better-sqlite3 and by node:sqlite: WAL, synchronous FULL, prepared statements, a cache that holds the whole store.
 *
 * It is measured past the first reset of its WAL: until then each commit lengthens a file, which costs a sync more.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerStore, peerPackage, type Records } from './peer.ts'

interface Statement {
  run(...values: readonly unknown[]): unknown
}

/** What both libraries offer. */
interface Database {
  exec(text: string): unknown
  prepare(text: string): Statement
  close(): void
}

type Sqlite = new (path: string) => Database
type MakeTable = (database: Database, records: Records) => Table

interface Table {
  insert(n: number): void
  change(n: number, turn: number): void
  changePrice(n: number, turn: number): void
}

const LIBRARIES = {
  'better-sqlite3': () => peerPackage('better-sqlite3') as Sqlite,
  'node:sqlite': () => (peerPackage('node:sqlite') as { readonly DatabaseSync: Sqlite }).DatabaseSync,
} as const

export const sqlitePeers: readonly Peer[] = (['better-sqlite3', 'node:sqlite'] as const).flatMap(library =>
  [['bytes', bytesTable] as const, ['columns', columnsTable] as const].map(
    ([way, table]): Peer => ({
      name: `${library}, ${way}`,
      library,
      open: (folder, records) => openSqlite(LIBRARIES[library](), folder, records, table),
    }),
  ),
)

async function openSqlite(
  Database: Sqlite,
  folder: string,
  records: Records,
  makeTable: MakeTable,
): Promise<PeerStore> {
  mkdirSync(folder)
  const database = new Database(join(folder, 'data.sqlite'))
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  database.exec('PRAGMA cache_size = -400000')
  const { insert, change, changePrice } = makeTable(database, records)
  const begin = database.prepare('BEGIN')
  const commit = database.prepare('COMMIT')
  begin.run()
  for (let n = 0; n < records.count; n++) insert(n)
  commit.run()
  // What is written next begins at the start of a WAL that has its full length.
  database.exec('PRAGMA wal_checkpoint(RESTART)')
  const inOneTransaction =
    (changeOne: Table['change']) =>
    (numbers: Uint32Array, turn: number): void => {
      begin.run()
      for (const n of numbers) changeOne(n, turn)
      commit.run()
    }
  return {
    changeOne: change,
    changeMany: inOneTransaction(change),
    changePrices: inOneTransaction(changePrice),
    close: () => database.close(),
  }
}

function bytesTable(database: Database, records: Records): Table {
  database.exec('CREATE TABLE trade (id INTEGER PRIMARY KEY, record BLOB NOT NULL)')
  const inserting = database.prepare('INSERT INTO trade VALUES (?, ?)')
  const changing = database.prepare('UPDATE trade SET record = ? WHERE id = ?')
  const change = (n: number, turn: number): void => {
    changing.run(records.changedBytes(n, turn), n)
  }
  return { insert: n => inserting.run(n, records.bytes(n)), change, changePrice: change }
}

function columnsTable(database: Database, records: Records): Table {
  database.exec(
    'CREATE TABLE trade (id INTEGER PRIMARY KEY, time REAL, price REAL, qty INTEGER, flags INTEGER, symbol TEXT, name TEXT, note TEXT)',
  )
  const inserting = database.prepare('INSERT INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const changing = database.prepare('UPDATE trade SET price = ?, qty = ? WHERE id = ?')
  const changingPrice = database.prepare('UPDATE trade SET price = ? WHERE id = ?')
  return {
    insert: n => inserting.run(...Object.values(records.trade(n))),
    change: (n, turn) => changing.run(turn, n + turn, n),
    changePrice: (n, turn) => changingPrice.run(turn, n),
  }
}
