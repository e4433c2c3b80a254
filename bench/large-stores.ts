/**
 * The stores of `large`: how many records they hold, whether the disk has room for them, and how they are built.
 *
 * A record is an Item of 125 bytes with a random id under a hash index. Each store is built a million records at a time, each
 * million in one durable commit, and then indexed.
 */

import { rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { rateAgainstSmallest } from './against-smallest.ts'
import { type Context, sized } from './context.ts'
import { ITEM_BYTES, ITEM_INDEXES, Item, idOf } from './items.ts'
import { residentOwnBytes } from './resident.ts'
import { figuresOf, type Row, type SideFigures } from './row.ts'
import { nsOf } from './targets.ts'

export type ItemStore = Store<typeof Item>

/** A store of so many records. */
export interface Size {
  readonly records: number
  /** How its sides are named. */
  readonly label: string
  readonly path: string
}

const USUAL = [1_000_000, 100_000_000, 250_000_000] as const
const SMOKE = [2_000, 10_000] as const
const APPENDED_AT_ONCE = 1_000_000
/** Records, their index, what building it takes for a while, and the journal. */
const BYTES_PER_RECORD = ITEM_BYTES + 40
const SPARE_BYTES = 2 ** 30

/** The sizes of this run: as `--records` says, else those of the usual ones that the disk has room for, and why not all. */
export function sizesOf(context: Context): { readonly sizes: readonly Size[]; readonly notes: string[] } {
  const wanted = context.isSmoke ? SMOKE : (context.records ?? USUAL)
  const free = statfsSync(context.folder)
  let room = free.bavail * free.bsize - SPARE_BYTES
  const sizes: Size[] = []
  const notes: string[] = []
  for (const records of wanted) {
    const bytes = records * BYTES_PER_RECORD
    const label = records.toLocaleString('en')
    if (bytes > room) {
      notes.push(`${label} RECORDS LEFT OUT: they take ${gigabytes(bytes)}, and ${gigabytes(room)} are free`)
      continue
    }
    room -= bytes
    sizes.push({ records, label, path: join(context.folder, `large-${records}.stride`) })
  }
  return { sizes, notes }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

/** Builds the stores and says what appending took. The smallest one is built several times, and its rate is the median. */
export async function building(context: Context, sizes: readonly Size[]): Promise<Row> {
  const sides: SideFigures[] = []
  for (const [i, size] of sizes.entries()) {
    const nsPerRecord: number[] = []
    const times = i === 0 ? sized(context, 5, 1) : 1
    for (let time = 0; time < times; time++) {
      remove(size)
      nsPerRecord.push(...(await build(size)))
    }
    sides.push(
      figuresOf(
        size.label,
        nsPerRecord.map(ns => ns / 1e6),
      ),
    )
  }
  const first = nsOf(sides, sizes[0]?.label ?? '') ?? Number.NaN
  return {
    what: 'appending, each million in a durable commit: a record',
    cache: 'does not apply',
    sides,
    targets: rateAgainstSmallest(context, sizes, 0.8, label => first / (nsOf(sides, label) ?? Number.NaN)),
    notes: [],
  }
}

/** @returns nanoseconds a record, of each million */
async function build({ path, records }: Size): Promise<number[]> {
  const nsPerRecord: number[] = []
  const store = openStore(path, Item, { capacity: records })
  for (let from = 0; from < records; from += APPENDED_AT_ONCE) {
    const count = Math.min(APPENDED_AT_ONCE, records - from)
    const began = performance.now()
    store.appendMany(itemsFrom(from, count))
    await store.commit()
    nsPerRecord.push(((performance.now() - began) * 1e6) / count)
  }
  await store.closeAsync()
  return nsPerRecord
}

/** One object with other values each time: what making objects costs is not part of the question. */
export function* itemsFrom(from: number, count: number) {
  const item = { id: 0, price: 0, code: 'code', rest: new Uint8Array(97).fill(7) }
  for (let n = from; n < from + count; n++) {
    item.id = idOf(n)
    item.price = n % 1000
    yield item
  }
}

/** Indexes each store by id, and says what that took a key, how much memory, and for how long it kept the event loop. */
export async function indexing(sizes: readonly Size[]): Promise<Row> {
  const sides: SideFigures[] = []
  for (const { label, path, records } of sizes) {
    const store = openStore(path, Item)
    const watch = new Watch()
    const began = performance.now()
    await store.createIndex('byId', ITEM_INDEXES.byId)
    const ms = performance.now() - began
    const { memoryMib, blockMs } = watch.stop()
    await store.closeAsync()
    const bytes = statSync(`${path}-index`).size / records
    const facts = [
      `${(ms / 1000).toFixed(1)} s in all`,
      `${bytes.toFixed(1)} bytes a key`,
      `memory of its own grew by ${memoryMib.toFixed(0)} MiB`,
      `longest block of the event loop ${blockMs.toFixed(0)} ms`,
    ]
    sides.push({ ...figuresOf(label, [ms / records]), note: facts.join(', ') })
  }
  return { what: 'building a hash index: a key', cache: 'warm', sides, targets: [], notes: [] }
}

/** What an operation that takes seconds does to its process, looked at whenever the event loop turns. */
class Watch {
  readonly #before = residentOwnBytes()
  readonly #timer: NodeJS.Timeout
  #last = performance.now()
  #peak = 0
  #blockMs = 0

  constructor() {
    this.#timer = setInterval(() => this.#look(), 1)
  }

  #look(): void {
    const now = performance.now()
    this.#blockMs = Math.max(this.#blockMs, now - this.#last)
    this.#last = now
    this.#peak = Math.max(this.#peak, residentOwnBytes())
  }

  stop(): { readonly memoryMib: number; readonly blockMs: number } {
    this.#look()
    clearInterval(this.#timer)
    return { memoryMib: (this.#peak - this.#before) / 2 ** 20, blockMs: this.#blockMs }
  }
}

export function remove({ path }: Size): void {
  for (const suffix of ['', '-index', '-journal', '-lock']) rmSync(`${path}${suffix}`, { force: true })
}
