/**
 * The record that is measured: the 125-byte Trade of docs/, and how its values come from a seed.
 *
 * Reading and writing it without the library: baseline.ts and c/baseline.c, whose offsets follow this schema.
 */

import { ascii, u8, utf8 } from 'stridedb'
import { z } from 'zod'
import { Random } from './random.ts'

/** What makes a schema is known to the build that made it: another build needs the schema from its own. */
export function tradeShape(from: Pick<typeof import('stridedb'), 'ascii' | 'u8' | 'utf8'>) {
  return {
    id: z.uint32(),
    time: z.float64(),
    price: z.float64(),
    qty: z.uint32(),
    flags: from.u8(),
    symbol: from.ascii(8),
    name: from.utf8(32),
    note: from.utf8(60),
  }
}

const shape = tradeShape({ ascii, u8, utf8 })

export const Trade = z.object(shape)
export type TradeRecord = z.output<typeof Trade>

/** The same layout with two fields that Zod has to ask a function about. */
export const RefinedTrade = z.object({
  ...shape,
  price: z.float64().refine(price => price >= 0 && price < 1000),
  qty: z.uint32().refine(qty => qty > 0),
})

/** The same fields at other places: a second layout, so that what is compiled for one schema does not fit both. */
export const ReorderedTrade = z.object({
  note: shape.note,
  name: shape.name,
  symbol: shape.symbol,
  flags: shape.flags,
  qty: shape.qty,
  price: shape.price,
  time: shape.time,
  id: shape.id,
})

/** About one record in ten is above it. */
export const PRICE_LIMIT = 900

/** 'distinct': hardly any text occurs twice. 'repeated': 1000 symbols, 500 names, 20 notes. */
export type Texts = 'distinct' | 'repeated'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz '
const GIVEN = ['Ada', 'Björn', 'Chen', 'Dara', 'Elif', 'Farid', 'Grace', 'Hana', 'Ivo', 'Joan', 'Kofi', 'Lena']

/** An endless row of trades; the n-th of a seed is always the same. */
export class TradeSource {
  readonly #random: Random
  readonly #letters: string
  readonly #repeated: readonly TradeRecord[]
  #id = 0

  constructor(seed: number, texts: Texts) {
    this.#random = new Random(seed)
    const letters = Array.from({ length: 1 << 16 }, () => LETTERS[this.#random.below(LETTERS.length)])
    this.#letters = letters.join('')
    this.#repeated = []
    if (texts === 'repeated') this.#repeated = this.take(1000)
    this.#id = 0
  }

  next(): TradeRecord {
    const random = this.#random
    const repeated = this.#repeated
    const id = this.#id++
    return {
      id,
      time: 1.7e12 + id * 250,
      price: random.below(100_000) / 100,
      qty: 1 + random.below(10_000),
      flags: random.below(256),
      symbol: repeated.length > 0 ? this.#pick(1000).symbol : this.#symbol(),
      name: repeated.length > 0 ? this.#pick(500).name : this.#name(),
      note: repeated.length > 0 ? this.#pick(20).note : this.#note(),
    }
  }

  take(count: number): TradeRecord[] {
    return Array.from({ length: count }, () => this.next())
  }

  #pick(among: number): TradeRecord {
    return this.#repeated[this.#random.below(among)] as TradeRecord
  }

  /** 4 to 7 characters. */
  #symbol(): string {
    return this.#random.next().toString(36).toUpperCase().slice(0, 7)
  }

  /** About 14 characters; one name in twelve is not ASCII. */
  #name(): string {
    const family = this.#random.next().toString(36)
    return `${GIVEN[this.#random.below(GIVEN.length)]} ${family} ${this.#random.below(100)}`
  }

  /** 8 to 31 letters. */
  #note(): string {
    const start = this.#random.below(this.#letters.length - 32)
    return `${this.#letters.slice(start, start + 7 + this.#random.below(24))}.`
  }
}
