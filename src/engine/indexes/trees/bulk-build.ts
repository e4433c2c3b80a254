/**
 * Bulk building: builds all pages of an index from the records. Keys are read in file order, sorted, and written page after page.
 *
 * If the keys do not fit into memory, there are several passes over the records, each for one range of keys. A sample of the keys gives
 * the ranges, as in external distribution sorts. It yields often, so that the caller can let the event loop run.
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../../schema/index.ts'
import { type KeyColumns, sortedOrder } from '../../numbers/radix-sort.ts'
import { compareWords, EntryBuffer } from '../keys/entry-words.ts'
import { type Directory, type PageEdit, PageList } from '../pages/directory.ts'
import type { LeafFormat } from '../pages/leaf-format.ts'
import type { PageSpace } from '../pages/page-space.ts'
import { PageWriter } from '../pages/page-writer.ts'

/** Runs of live records in ascending order of their numbers, as a Locator finds them. */
export interface RecordRuns {
  nextLive(n: number, end: number): number
  /** The bytes that contain `count` consecutive live records from record n on, at `at`. */
  run(n: number, end: number): RecordBytes | undefined
  readonly at: number
  readonly count: number
}

export interface BulkParts {
  readonly indexNumber: number
  readonly format: LeafFormat
  readonly directory: Directory
  readonly pool: WindowPool
  readonly space: PageSpace
  readonly records: RecordRuns
  /** Bytes from one record to the next. */
  readonly stride: number
  /** Record numbers below this are indexed. */
  readonly size: number
  /** Sets the words of a record's entry. */
  readonly entryOf: (n: number, view: DataView, at: number, entry: Uint32Array) => void
  /** For a unique index: called with the record numbers of each group of entries with equal key words. */
  readonly equals?: (numbers: Uint32Array) => void
  /** Entries sorted at once; 4 million by default. */
  readonly passEntriesMax?: number
}

const PASS_ENTRIES_MAX = 4_000_000
const SAMPLE_MAX = 65_536
const RECORDS_A_YIELD = 8192
const PAGES_A_YIELD = 12
const ENTRIES_A_YIELD = 65_536

/** The part of the work that is done, from 0 to 1. */
export type Progress = number

export class BulkBuild {
  readonly #parts: BulkParts
  readonly #added: PageList
  readonly #writer: PageWriter
  readonly #entry: Uint32Array

  constructor(parts: BulkParts) {
    this.#parts = parts
    const { entryWords } = parts.format
    this.#added = new PageList(entryWords)
    this.#entry = new Uint32Array(entryWords)
    this.#writer = new PageWriter(parts.pool, parts.space)
  }

  /**
   * Builds the pages and adds them to the directory, which was empty. If it is ended early, it leaves nothing.
   * @throws what `equals` throws, ERR_STRIDE_NO_SPACE, _IO
   */
  *run(): Generator<Progress, void> {
    let isWhole = false
    try {
      const splitters = yield* this.#splitters()
      const passes = splitters.length + 1
      for (let pass = 0; pass < passes; pass++) {
        for (const share of this.#pass(splitters[pass - 1], splitters[pass])) yield (pass + share) / passes
      }
      this.#writer.flush()
      const edit: PageEdit = { from: 0, removed: 0, added: this.#added }
      this.#parts.directory.apply([edit])
      isWhole = true
    } finally {
      if (!isWhole) this.#abandon()
    }
  }

  /** Frees the pages, after an early end. */
  #abandon(): void {
    this.#writer.discard()
    for (const place of this.#added.places) this.#parts.space.giveBack(place & 0x7fffffff)
    this.#added.places.length = 0
  }

  /** Entries that divide the keys into ranges that fit into memory. */
  *#splitters(): Generator<Progress, Uint32Array[]> {
    const { size, passEntriesMax = PASS_ENTRIES_MAX, format } = this.#parts
    const passes = Math.ceil(size / passEntriesMax)
    if (passes <= 1) return []
    const words = format.entryWords
    const sample: Uint32Array[] = []
    const step = Math.max(1, Math.floor(size / SAMPLE_MAX))
    for (let n = 0; n < size; n += step) {
      if (sample.length % RECORDS_A_YIELD === RECORDS_A_YIELD - 1) yield 0
      const live = this.#parts.records.nextLive(n, Math.min(size, n + step))
      const source = live < Math.min(size, n + step) ? this.#parts.records.run(live, live + 1) : undefined
      if (source === undefined) continue
      this.#parts.entryOf(live, source.view as DataView, this.#parts.records.at, this.#entry)
      sample.push(this.#entry.slice())
    }
    sample.sort((a, b) => compareWords(a, 0, b, 0, words))
    const chosen = Array.from(
      { length: passes - 1 },
      (_, i) => sample[Math.floor(((i + 1) * sample.length) / passes)],
    )
    const splitters = chosen.filter(entry => entry !== undefined)
    return splitters.filter(
      (entry, i) => i === 0 || compareWords(splitters[i - 1] as Uint32Array, 0, entry, 0, words) < 0,
    )
  }

  /** Builds the pages of the entries from `from` on, before `to`. */
  *#pass(from: Uint32Array | undefined, to: Uint32Array | undefined): Generator<Progress, void> {
    const keys = yield* this.#readKeys(from, to)
    const sorting = sortedOrder(keys)
    let sorted = sorting.next()
    while (sorted.done !== true) {
      yield 0.6
      sorted = sorting.next()
    }
    if (this.#parts.equals !== undefined) yield* findEquals(keys, sorted.value, this.#parts.equals)
    yield* this.#writePages(keys, sorted.value, from, to)
  }

  *#readKeys(from: Uint32Array | undefined, to: Uint32Array | undefined): Generator<Progress, KeyColumns> {
    const { records, size, stride, entryOf, format } = this.#parts
    const words = format.entryWords
    const keyWords = words - 1
    const entry = this.#entry
    let capacity = Math.max(1, from === undefined && to === undefined ? size : Math.ceil(size / 2))
    let columns = Array.from({ length: keyWords }, () => new Uint32Array(capacity))
    let numbers = new Uint32Array(capacity)
    let count = 0
    let seen = 0
    for (let n = records.nextLive(0, size); n < size; n = records.nextLive(n, size)) {
      const source = records.run(n, Math.min(size, n + RECORDS_A_YIELD))
      if (source === undefined) break
      const some = records.count
      if (count + some > capacity) {
        capacity = Math.max(count + some, capacity * 2)
        columns = columns.map(column => grown(column, capacity))
        numbers = grown(numbers, capacity)
      }
      const view = source.view as DataView
      let at = records.at
      for (let i = 0; i < some; i++, at += stride) {
        entryOf(n + i, view, at, entry)
        if (from !== undefined && compareWords(entry, 0, from, 0, words) < 0) continue
        if (to !== undefined && compareWords(entry, 0, to, 0, words) >= 0) continue
        for (let k = 0; k < keyWords; k++) (columns[k] as Uint32Array)[count] = entry[k] as number
        numbers[count++] = n + i
      }
      n += some
      seen += some
      if (seen >= RECORDS_A_YIELD) {
        seen = 0
        yield (0.5 * n) / size
      }
    }
    return { columns, numbers, count }
  }

  *#writePages(
    keys: KeyColumns,
    order: Uint32Array,
    from: Uint32Array | undefined,
    to: Uint32Array | undefined,
  ): Generator<Progress, void> {
    const { format, indexNumber } = this.#parts
    const { columns, numbers, count } = keys
    const words = format.entryWords
    // An empty range gets a page, too, so that the page before it keeps its end.
    const pages = Math.max(1, Math.ceil(count / format.target))
    const buffer = new EntryBuffer(words, format.capacity + 1)
    const fence = new Uint32Array(words)
    if (from !== undefined) fence.set(from)
    const load = (i: number): void => {
      const entry = order[i] as number
      for (let k = 0; k < words - 1; k++) this.#entry[k] = (columns[k] as Uint32Array)[entry] as number
      this.#entry[words - 1] = numbers[entry] as number
      buffer.push(this.#entry, 0)
    }
    for (let page = 0; page < pages; page++) {
      const first = Math.floor((page * count) / pages)
      const end = Math.floor(((page + 1) * count) / pages)
      buffer.clear()
      for (let i = first; i < end; i++) load(i)
      // The next page's first entry, whose hash bounds this page's.
      if (page + 1 < pages) load(end)
      const high = page + 1 < pages ? (buffer.data[(end - first) * words] as number) : (to?.[0] ?? 2 ** 32)
      const range = { low: fence[0] as number, high }
      const { place, isPacked, checksum } = this.#writer.write(
        format,
        indexNumber,
        buffer,
        0,
        end - first,
        range,
      )
      this.#added.push(place, isPacked, checksum, end - first, fence)
      if (page + 1 < pages) fence.set(buffer.data.subarray((end - first) * words, (end - first + 1) * words))
      if (page % PAGES_A_YIELD === PAGES_A_YIELD - 1) yield 0.7 + (0.3 * page) / pages
    }
  }
}

/** Calls back with each group of entries with equal key words. */
function* findEquals(
  { columns, numbers, count }: KeyColumns,
  order: Uint32Array,
  tell: (numbers: Uint32Array) => void,
): Generator<Progress, void> {
  const isSame = (i: number, j: number): boolean =>
    columns.every(column => column[order[i] as number] === column[order[j] as number])
  for (let i = 0, next = ENTRIES_A_YIELD; i < count; ) {
    let end = i + 1
    while (end < count && isSame(i, end)) end++
    if (end > i + 1) tell(order.subarray(i, end).map(entry => numbers[entry] as number))
    i = end
    if (i < next) continue
    next = i + ENTRIES_A_YIELD
    yield 0.7
  }
}

function grown(from: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length)
  to.set(from)
  return to
}
