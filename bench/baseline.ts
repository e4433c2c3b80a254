/**
 * What a careful programmer writes without this library: node:fs by position and a hand-written Trade codec.
 *
 * It reads the very file of the store, behind its header, so that both sides meet the same pages.
 * The limit of the machine: c-baseline.ts.
 */

import { closeSync, openSync, readSync } from 'node:fs'
import type { TradeRecord } from './trade.ts'

export const TRADE_BYTES = 125
export const AT = { id: 0, time: 4, price: 12, qty: 20, flags: 24, symbol: 25, name: 33, note: 65 } as const
/** Where ReorderedTrade has the fields that are looked up. */
export const AT_REORDERED = { qty: 101, price: 105, id: 121 } as const
const SIZE = { symbol: 8, name: 32, note: 60 } as const

/** Where record 0 of a store lies: u64 at byte 16 of the identity page (docs/format.md). */
export function dataOffsetOf(path: string): number {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(8)
    readSync(fd, bytes, 0, 8, 16)
    return Number(bytes.readBigUInt64LE())
  } finally {
    closeSync(fd)
  }
}

/** One record at a time by fs.readSync into a reused buffer. */
export class RecordReader {
  readonly #fd: number
  readonly #dataOffset: number
  readonly #stride: number
  readonly #buffer: Buffer
  readonly view: DataView

  constructor(path: string, stride = TRADE_BYTES) {
    this.#dataOffset = dataOffsetOf(path)
    this.#stride = stride
    this.#buffer = Buffer.alloc(stride)
    this.view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, stride)
    this.#fd = openSync(path, 'r')
  }

  /** Reads record n; `view` and the answer show it until the next call. */
  read(n: number): Buffer {
    readSync(this.#fd, this.#buffer, 0, this.#stride, this.#dataOffset + n * this.#stride)
    return this.#buffer
  }

  trade(n: number): TradeRecord {
    return decodeTrade(this.view, this.read(n), 0)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** All records of a store in one buffer of the heap. */
export function recordsInHeap(path: string, records: number): DataView {
  const bytes = Buffer.alloc(records * TRADE_BYTES)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, bytes, 0, bytes.length, dataOffsetOf(path))
  } finally {
    closeSync(fd)
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** All records in order, by fs.readSync in chunks of about 1 MiB. */
export function forEachChunk(
  path: string,
  count: number,
  visit: (view: DataView, bytes: Buffer, records: number) => void,
): void {
  const perChunk = Math.floor(2 ** 20 / TRADE_BYTES)
  const buffer = Buffer.alloc(perChunk * TRADE_BYTES)
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  const dataOffset = dataOffsetOf(path)
  const fd = openSync(path, 'r')
  try {
    for (let first = 0; first < count; first += perChunk) {
      const records = Math.min(perChunk, count - first)
      readSync(fd, buffer, 0, records * TRADE_BYTES, dataOffset + first * TRADE_BYTES)
      visit(view, buffer, records)
    }
  } finally {
    closeSync(fd)
  }
}

export function decodeTrade(view: DataView, bytes: Buffer, at: number): TradeRecord {
  return {
    id: view.getUint32(at + AT.id, true),
    time: view.getFloat64(at + AT.time, true),
    price: view.getFloat64(at + AT.price, true),
    qty: view.getUint32(at + AT.qty, true),
    flags: view.getUint8(at + AT.flags),
    symbol: bytes.toString('latin1', at + AT.symbol, textEnd(bytes, at + AT.symbol, SIZE.symbol)),
    name: bytes.toString('utf8', at + AT.name, textEnd(bytes, at + AT.name, SIZE.name)),
    note: bytes.toString('utf8', at + AT.note, textEnd(bytes, at + AT.note, SIZE.note)),
  }
}

/** Encodes without checking anything but the length of texts; the target is zeroed or reused as a whole. */
export function encodeTrade(trade: TradeRecord, view: DataView, bytes: Buffer, at: number): void {
  view.setUint32(at + AT.id, trade.id, true)
  view.setFloat64(at + AT.time, trade.time, true)
  view.setFloat64(at + AT.price, trade.price, true)
  view.setUint32(at + AT.qty, trade.qty, true)
  view.setUint8(at + AT.flags, trade.flags)
  padText(bytes, at + AT.symbol, SIZE.symbol, bytes.write(trade.symbol, at + AT.symbol, SIZE.symbol, 'latin1'))
  padText(bytes, at + AT.name, SIZE.name, bytes.write(trade.name, at + AT.name, SIZE.name, 'utf8'))
  padText(bytes, at + AT.note, SIZE.note, bytes.write(trade.note, at + AT.note, SIZE.note, 'utf8'))
}

function padText(bytes: Buffer, at: number, size: number, written: number): void {
  if (written < size) bytes.fill(0, at + written, at + size)
}

function textEnd(bytes: Buffer, at: number, size: number): number {
  let end = at
  const limit = at + size
  while (end < limit && bytes[end] !== 0) end++
  return end
}
