/**
 * Finds records by key, and ranges of keys in order, in an ordered index.
 *
 * A lookup finds the page by the fences (directory.ts) and searches its entries (ordered-leaf.ts). The pages are right unless an entry with
 * the same key is pending; then the records are read. Ranges: range-cursor.ts.
 */

import { NumberList } from '../../numbers/number-list.ts'
import { compareWords, copyWords, EntryBuffer } from '../keys/entry-words.ts'
import type { Range } from '../keys/index-options.ts'
import { hasKey, type RecordAccess } from '../keys/record-keys.ts'
import type { OrderedLeaf } from '../pages/ordered-leaf.ts'
import type { OrderedDelta } from '../trees/ordered-delta.ts'
import { KeyIndex, type KeyIndexParts } from './key-index.ts'
import { RangeCursor, type RangeEnds } from './range-cursor.ts'
import { type GivenRange, rangeEnds } from './range-ends.ts'

/** Pending entries of one key that are collected at once. */
const SOME = 64

export class OrderedIndex extends KeyIndex<OrderedDelta> {
  readonly #leaf: OrderedLeaf
  /** The entry that is looked up: the key, and record number 0. */
  readonly #entry: Uint32Array
  readonly #end: Uint32Array
  readonly #waiting: EntryBuffer
  readonly #keyWords: number

  constructor(parts: KeyIndexParts<OrderedDelta>) {
    super(parts)
    this.#leaf = this.tree.format as OrderedLeaf
    const { entryWords } = this.#leaf
    this.#entry = new Uint32Array(entryWords)
    this.#end = new Uint32Array(entryWords)
    this.#waiting = new EntryBuffer(entryWords)
    this.#keyWords = entryWords - 1
  }

  override over(records: RecordAccess, recordsEnd: number): OrderedIndex {
    return new OrderedIndex(this.partsOver(records, recordsEnd))
  }

  /** A cursor over a range. @throws TypeError for bounds that no key can be compared with */
  cursor(range: Range | GivenRange): RangeCursor {
    return this.cursorBetween(rangeEnds(this.codec, range), range.reverse === true)
  }
  /** A cursor that can continue after changes. */
  keyedCursor(range: Range | GivenRange): RangeCursor {
    return this.cursorBetween(rangeEnds(this.codec, range), range.reverse === true, true)
  }

  cursorBetween(ends: RangeEnds, isReverse: boolean, isKeyed = false): RangeCursor {
    const { tree } = this
    const { pages, records, recordCodec, recordsEnd } = this.parts
    return new RangeCursor(
      { tree, leaf: this.#leaf, pages, records, codec: recordCodec, recordsEnd },
      ends,
      isReverse,
      isKeyed,
    )
  }

  override entryOf(n: number, view: DataView, at: number, entry: Uint32Array): void {
    const { recordCodec } = this.parts
    recordCodec.extract(view, at)
    entry.set(recordCodec.words)
    entry[this.#keyWords] = n
  }

  protected override findNumber(): number {
    const { active, frozen, definition } = this.tree
    copyWords(this.codec.words, 0, this.#entry, 0, this.#keyWords)
    this.#entry[this.#keyWords] = 0
    const isWaiting = active.hasKey(this.#entry) || frozen?.hasKey(this.#entry) === true
    let best = this.#firstInPages(isWaiting || this.parts.recordsEnd !== undefined)
    if (!isWaiting || (best >= 0 && definition.unique && !this.codec.hasNull)) return best
    best = this.#lowestWaiting(active, best)
    return frozen === undefined ? best : this.#lowestWaiting(frozen, best)
  }

  protected override findAll(): Float64Array {
    const from = new Uint32Array(this.#keyWords + 1)
    from.set(this.codec.words)
    const to = from.slice()
    to[this.#keyWords] = 0xffffffff
    const cursor = this.cursorBetween({ from, to }, false)
    const found = new NumberList()
    for (let n = cursor.next(); n >= 0; n = cursor.next()) found.push(n)
    return found.toArray()
  }

  protected override noteKey(n: number): void {
    this.#entry.set(this.codec.words)
    this.#entry[this.#keyWords] = n
    this.tree.active.add(this.#entry, 0)
  }

  /** The lowest number with the key in the pages. `isDoubtful`: each record is read to confirm its key. */
  #firstInPages(isDoubtful: boolean): number {
    const { directory } = this.tree
    const leaf = this.#leaf
    const { pages, records, recordCodec } = this.parts
    if (directory.pageCount === 0) return -1
    const entry = this.#entry
    let page = directory.pageOf(entry)
    do {
      const at = pages.find(directory, page)
      const { view } = pages
      const count = directory.countOf(page)
      for (let i = leaf.lowerBound(view, at, count, entry, directory.guess(entry, page)); i < count; i++) {
        if (leaf.compareKey(view, at, i, entry) !== 0) return -1
        const n = leaf.numberAt(view, at, i)
        if (!isDoubtful || hasKey(records, recordCodec, n, this.codec.words)) return n
      }
      page++
    } while (directory.startsWith(entry, page))
    return -1
  }

  /** The lowest number with the key among the pending entries and `best`, which may be -1. */
  #lowestWaiting(delta: OrderedDelta, best: number): number {
    const { records, recordCodec } = this.parts
    const waiting = this.#waiting
    const keyWords = this.#keyWords
    const end = this.#end
    const from = this.#entry
    end.set(from)
    end[keyWords] = 0xffffffff
    from[keyWords] = 0
    for (;;) {
      waiting.clear()
      const hasMore = delta.collectFrom(from, end, SOME, waiting)
      for (let i = 0; i < waiting.count; i++) {
        const n = waiting.numberAt(i)
        if (best >= 0 && n >= best) return best
        if (hasKey(records, recordCodec, n, this.codec.words)) return n
      }
      if (!hasMore) return best
      from[keyWords] = waiting.numberAt(waiting.count - 1) + 1
    }
  }

  /** The count of records in a range. @throws TypeError */
  count(range: Range | GivenRange): number {
    const ends = rangeEnds(this.codec, range)
    if (compareWords(ends.from, 0, ends.to, 0, ends.from.length) > 0) return 0
    return this.cursorBetween(ends, false).count()
  }
}
