/**
 * classic-level (LevelDB) with `sync: true`, bytes under keys of four bytes.
 */

import { type Peer, type PeerStore, peerPackage, type Records } from './peer.ts'

interface ChainedBatch {
  put(key: Buffer, value: Buffer): ChainedBatch
  write(options?: { readonly sync: boolean }): Promise<void>
}

interface Database {
  open(): Promise<void>
  put(key: Buffer, value: Buffer, options: { readonly sync: boolean }): Promise<void>
  batch(): ChainedBatch
  compactRange(start: Buffer, end: Buffer): Promise<void>
  close(): Promise<void>
}

interface ClassicLevel {
  readonly ClassicLevel: new (folder: string, options: Readonly<Record<string, unknown>>) => Database
}

const SYNC = { sync: true } as const
const LOAD_RECORDS = 50_000

export const levelPeers: readonly Peer[] = [
  { name: 'classic-level, bytes', library: 'classic-level', open: openLevel },
]

async function openLevel(folder: string, records: Records): Promise<PeerStore> {
  const { ClassicLevel } = peerPackage('classic-level') as ClassicLevel
  const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false }
  const database = new ClassicLevel(folder, options)
  await database.open()
  for (let done = 0; done < records.count; done += LOAD_RECORDS) {
    const batch = database.batch()
    const end = Math.min(done + LOAD_RECORDS, records.count)
    for (let n = done; n < end; n++) batch.put(keyOf(n), records.bytes(n))
    await batch.write()
  }
  // Else its compactions go on in the background of everything that is measured.
  await database.compactRange(keyOf(0), keyOf(records.count))
  const changeMany = (numbers: Uint32Array, turn: number): Promise<void> => {
    const batch = database.batch()
    for (const n of numbers) batch.put(keyOf(n), records.changedBytes(n, turn))
    return batch.write(SYNC)
  }
  return {
    changeOne: (n, turn) => database.put(keyOf(n), records.changedBytes(n, turn), SYNC),
    changeMany,
    changePrices: changeMany,
    close: () => database.close(),
  }
}

function keyOf(n: number): Buffer {
  const key = Buffer.allocUnsafe(4)
  key.writeUInt32BE(n)
  return key
}
