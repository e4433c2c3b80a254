/**
 * Other stores that items are looked up in by id: what each keeps under an id is given to it ready made, in the order of ids.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ITEM_BYTES, idOf, itemWithId, PRICE_AT } from '../items.ts'
import { type Library, peerPackage } from './peer.ts'

/** One store with every item in it. */
export interface LookupStore {
  /** The price of the item with this id. */
  price(id: number): number
  close(): unknown
}

export interface LookupPeer {
  readonly name: string
  readonly library: Library
  /** `isWhole`: whole records are kept, not the prices alone. */
  open(folder: string, count: number, isWhole: boolean): Promise<LookupStore>
}

interface Lmdb {
  open(options: Readonly<Record<string, unknown>>): {
    putSync(key: number, value: Buffer): boolean
    getBinary(key: number): Buffer | undefined
    getBinaryFast(key: number): Buffer | undefined
    transactionSync(action: () => void): void
    close(): Promise<void>
  }
}

interface Statement {
  run(...values: readonly unknown[]): unknown
  pluck(): Statement
  get(...values: readonly unknown[]): unknown
}
type Sqlite = new (
  path: string,
) => {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  transaction(action: () => void): () => void
  close(): void
}

const LOADED_AT_ONCE = 1_000_000

export const LOOKUP_PEERS: readonly LookupPeer[] = [
  {
    name: 'lmdb-js, getBinaryFast',
    library: 'lmdb-js',
    open: (folder, count, isWhole) => openLmdb(folder, count, isWhole, 'getBinaryFast'),
  },
  {
    name: 'lmdb-js, getBinary',
    library: 'lmdb-js',
    open: (folder, count, isWhole) => openLmdb(folder, count, isWhole, 'getBinary'),
  },
  { name: 'better-sqlite3, SELECT price', library: 'better-sqlite3', open: openSqlite },
]

async function openLmdb(
  folder: string,
  count: number,
  isWhole: boolean,
  get: 'getBinary' | 'getBinaryFast',
): Promise<LookupStore> {
  mkdirSync(folder)
  const { open } = peerPackage('lmdb-js') as Lmdb
  const database = open({
    path: join(folder, 'data.mdb'),
    keyEncoding: 'uint32',
    encoding: 'binary',
    mapSize: 2 ** 34,
    noSync: true,
  })
  const value = Buffer.alloc(isWhole ? ITEM_BYTES : 8)
  const priceAt = isWhole ? PRICE_AT : 0
  inSteps(count, ids => {
    database.transactionSync(() => {
      for (const id of ids) {
        if (isWhole) value.writeUInt32LE(id, 0)
        value.writeDoubleLE(itemWithId(id) / 8, priceAt)
        database.putSync(id, value)
      }
    })
  })
  return {
    price: id => (database[get](id) as Buffer).readDoubleLE(priceAt),
    close: () => database.close(),
  }
}

async function openSqlite(folder: string, count: number, isWhole: boolean): Promise<LookupStore> {
  mkdirSync(folder)
  const database = new (peerPackage('better-sqlite3') as Sqlite)(join(folder, 'data.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = OFF')
  database.pragma('cache_size = -4000000')
  database.pragma('mmap_size = 17179869184')
  database.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, price REAL NOT NULL, rest BLOB)')
  const insert = database.prepare('INSERT INTO item VALUES (?, ?, ?)')
  const rest = isWhole ? Buffer.alloc(ITEM_BYTES - 12, 7) : null
  inSteps(count, ids => {
    database.transaction(() => {
      for (const id of ids) insert.run(id, itemWithId(id) / 8, rest)
    })()
  })
  database.pragma('wal_checkpoint(TRUNCATE)')
  const price = database.prepare('SELECT price FROM item WHERE id = ?').pluck()
  return { price: id => price.get(id) as number, close: () => database.close() }
}

/** The ids of all items in rising order, as the trees of the stores like it best. */
function inSteps(count: number, load: (ids: Uint32Array) => void): void {
  const ids = Uint32Array.from({ length: count }, (_, n) => idOf(n)).sort()
  for (let from = 0; from < count; from += LOADED_AT_ONCE) load(ids.subarray(from, from + LOADED_AT_ONCE))
}
