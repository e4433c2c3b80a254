/**
 * lmdb-js, with integer keys, bytes or its own encoding (MessagePack with shared structures).
 *
 * With overlappingSync, its default, a put resolves before it is durable; `flushed` then waits for the device. Without
 * it a blocking put is durable when it returns. Its meta page goes out by a descriptor opened with O_DSYNC, which is a
 * sync that strace does not show among the sync calls.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerStore, peerPackage, type Records } from './peer.ts'

interface Database {
  put(key: number, value: unknown): Promise<boolean>
  putSync(key: number, value: unknown): boolean
  transactionSync<T>(action: () => T): T
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

interface Lmdb {
  open(options: Readonly<Record<string, unknown>>): Database
}

const LOAD_RECORDS = 50_000

export const lmdbPeers: readonly Peer[] = [
  lmdbPeer('bytes, putSync', 'binary', false),
  lmdbPeer('bytes, put + flushed', 'binary', true),
  lmdbPeer('objects, putSync', 'msgpack', false),
]

function lmdbPeer(way: string, encoding: 'binary' | 'msgpack', overlappingSync: boolean): Peer {
  return {
    name: `lmdb-js, ${way}`,
    library: 'lmdb-js',
    open: (folder, records) => openLmdb(folder, records, encoding, overlappingSync),
  }
}

async function openLmdb(
  folder: string,
  records: Records,
  encoding: 'binary' | 'msgpack',
  overlappingSync: boolean,
): Promise<PeerStore> {
  mkdirSync(folder)
  const { open } = peerPackage('lmdb-js') as Lmdb
  const database = open({
    path: join(folder, 'data.mdb'),
    keyEncoding: 'uint32',
    encoding,
    ...(encoding === 'msgpack' ? { sharedStructuresKey: 0xffffffff } : {}),
    overlappingSync,
    mapSize: 2 ** 30,
    noMemInit: true,
  })
  const isBinary = encoding === 'binary'
  for (let n = 0; n < records.count; n++) {
    void database.put(n, isBinary ? records.bytes(n) : records.trade(n))
    if (n % LOAD_RECORDS === 0) await database.flushed
  }
  await database.flushed
  const changed = (n: number, turn: number): unknown =>
    isBinary ? records.changedBytes(n, turn) : records.changedTrade(n, turn)
  if (!overlappingSync) {
    const changeMany = (numbers: Uint32Array, turn: number): void =>
      database.transactionSync(() => {
        for (const n of numbers) database.putSync(n, changed(n, turn))
      })
    return {
      changeOne: (n, turn) => database.putSync(n, changed(n, turn)),
      changeMany,
      changePrices: changeMany,
      close: () => database.close(),
    }
  }
  // All puts of one turn of the event loop are one transaction.
  const changeMany = async (numbers: Uint32Array, turn: number): Promise<void> => {
    // A buffer that waits for its transaction must not be written again meanwhile.
    for (const n of numbers) void database.put(n, Buffer.from(records.changedBytes(n, turn)))
    await database.flushed
  }
  return {
    async changeOne(n, turn) {
      void database.put(n, changed(n, turn))
      await database.flushed
    },
    changeMany,
    changePrices: changeMany,
    close: () => database.close(),
  }
}
