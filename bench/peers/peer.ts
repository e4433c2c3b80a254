/**
 * What a store of another library must do to be compared, and where its package comes from.
 *
 * Packages lie in a folder of their own, so that nobody installs them by accident. Every record is 125 bytes under a
 * number; a change gives it another price and quantity. Peers that keep bytes are given them ready made and read
 * nothing first, which is less work than our own side does.
 */

import { existsSync } from 'node:fs'
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
  close(): unknown
}

/** One library in one of its ways to be used. */
export interface Peer {
  readonly name: string
  open(folder: string, records: Records): Promise<PeerStore>
}

export const INSTALL = 'npm ci --prefix bench/peers'

export function arePeersInstalled(): boolean {
  const needed = ['lmdb', 'better-sqlite3', 'classic-level']
  return needed.every(name => existsSync(join(import.meta.dirname, 'node_modules', name)))
}

/** A package of the peers' own folder. */
export function peerPackage(name: string): unknown {
  return createRequire(join(import.meta.dirname, 'package.json'))(name)
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
    return { ...(this.#pool[n % this.#pool.length] as TradeRecord), id: n, price: turn, qty: n }
  }

  /** The same buffer again until the record comes round: no copy, two fields written. */
  changedBytes(n: number, turn: number): Buffer {
    const bytes = this.#poolBytes[n % this.#pool.length] as Buffer
    bytes.writeUInt32LE(n, AT.id)
    bytes.writeDoubleLE(turn, AT.price)
    bytes.writeUInt32LE(n, AT.qty)
    return bytes
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
