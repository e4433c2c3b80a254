/**
 * The records that indexes are measured over: 125 bytes, a random id first, so that the C loops find it, and a text.
 */

import { ascii, bytes, openStore } from 'stridedb'
import { z } from 'zod'
import { randomNumbers } from './random.ts'

export const Item = z.object({ id: z.uint32(), price: z.float64(), code: ascii(16), rest: bytes(97) })
export const ITEM_BYTES = 125
/** Where the price of an item lies. */
export const PRICE_AT = 4

export const ITEM_INDEXES = {
  byId: { on: 'id', unique: true },
  byIdInOrder: { on: 'id', kind: 'ordered', unique: true },
  byCode: { on: 'code', unique: true },
  byCodeInOrder: { on: 'code', kind: 'ordered' },
} as const

const STEP = 0x9e3779b1
/** STEP times this is 1 modulo 2^32. */
const STEP_INVERSE = 0x0e8b2f51
const APPENDED_AT_ONCE = 1_000_000

/** Distinct ids in no order. */
export function idOf(n: number): number {
  return Math.imul(n + 1, STEP) >>> 0
}

/** The item that has an id. */
export function itemWithId(id: number): number {
  return (Math.imul(id, STEP_INVERSE) >>> 0) - 1
}

export function codeOf(n: number): string {
  return `${idOf(n).toString(36)}-${(n % 97).toString(36)}`
}

export function* items(from: number, count: number) {
  const rest = new Uint8Array(97).fill(7)
  for (let n = from; n < from + count; n++) yield { id: idOf(n), price: n / 8, code: codeOf(n), rest }
}

/** Builds a store of items, without an index. */
export async function buildItems(path: string, count: number): Promise<void> {
  using store = openStore(path, Item, { capacity: count })
  for (let from = 0; from < count; from += APPENDED_AT_ONCE) {
    store.appendMany(items(from, Math.min(APPENDED_AT_ONCE, count - from)))
    await store.commit()
  }
}

/** Ids of random items. */
export function randomIds(seed: number, count: number, records: number): Uint32Array {
  return randomNumbers(seed, count, records).map(idOf)
}
