/**
 * What a store of another library must do to be compared, and where its package comes from.
 *
 * Packages lie in a folder of their own, so that nobody installs them by accident. Every record is 125 bytes under a
 * number; a change gives it another price, or another price and quantity. Peers that keep bytes are given them ready made and read
 * nothing first, which is less work than our own side does.
 */

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { AT, encodeTrade, TRADE_BYTES } from '../baseline.ts'
import { type TradeRecord, TradeSource } from '../trade.ts'

/** One store, opened, with all records in it. */
export interface PeerStore {
  /** Changes one record: durable once it returned, or once its promise resolved. */
  changeOne(n: number, turn: number): unknown
  /** The same for many in one transaction. */
  changeMany(numbers: Uint32Array, turn: number): unknown
  /** The same, the prices alone. */
  changePrices(numbers: Uint32Array, turn: number): unknown
  close(): unknown
}

/** One library in one of its ways to be used. */
export interface Peer {
  readonly name: string
  /** What is loaded: a package of this folder or a module of Node. */
  readonly library: Library
  open(folder: string, records: Records): Promise<PeerStore>
}

const PACKAGES = {
  'lmdb-js': 'lmdb',
  'better-sqlite3': 'better-sqlite3',
  'classic-level': 'classic-level',
  'node:sqlite': 'node:sqlite',
} as const
export type Library = keyof typeof PACKAGES

interface Closable {
  close(): void
}

const INSTALL = 'npm ci --prefix bench/peers'

/** Why a library cannot be compared here; undefined where it can. */
export function whyPeerIsMissing(library: Library): string | undefined {
  try {
    const loaded = peerPackage(library)
    // Its binary is loaded by the first database, and may be that of another Node.
    if (library === 'better-sqlite3') new (loaded as new (path: string) => Closable)(':memory:').close()
    return undefined
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]
    return library === 'node:sqlite' ? `Node ${process.versions.node} has none` : `${message} (${INSTALL})`
  }
}

/** A package of the peers' own folder, or a module of Node. @throws where it is not there or does not load */
export function peerPackage(library: Library): unknown {
  return createRequire(join(import.meta.dirname, 'package.json'))(PACKAGES[library])
}

/** The records that every store begins with, and what they are changed to. */
export class Records {
  readonly count: number
  readonly #pool: readonly TradeRecord[]
  readonly #poolBytes: readonly Buffer[]

  constructor(seed: number, count: number) {
    this.count = count
    this.#pool = new TradeSource(seed, 'distinct').take(Math.min(count, 10_000))
    this.#poolBytes = this.#pool.map(trade => {
      const bytes = Buffer.alloc(TRADE_BYTES)
      encodeTrade(trade, viewOf(bytes), bytes, 0)
      return bytes
    })
  }

  /** Record n as an object. */
  trade(n: number): TradeRecord {
    return { ...(this.#pool[n % this.#pool.length] as TradeRecord), id: n }
  }

  /** Record n as its 125 bytes, in a buffer of its own. */
  bytes(n: number): Buffer {
    const bytes = Buffer.from(this.#poolBytes[n % this.#pool.length] as Buffer)
    bytes.writeUInt32LE(n, AT.id)
    return bytes
  }

  changedTrade(n: number, turn: number): TradeRecord {
    return { ...(this.#pool[n % this.#pool.length] as TradeRecord), id: n, price: turn, qty: n + turn }
  }

  /** The same buffer again until the record comes round: no copy, two fields written. */
  changedBytes(n: number, turn: number): Buffer {
    const bytes = this.#poolBytes[n % this.#pool.length] as Buffer
    bytes.writeUInt32LE(n, AT.id)
    bytes.writeDoubleLE(turn, AT.price)
    bytes.writeUInt32LE(n + turn, AT.qty)
    return bytes
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
