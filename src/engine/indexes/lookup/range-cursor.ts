/**
 * A cursor over the entries of a range, forwards or backwards, a page at a time.
 *
 *   RC1  it continues behind the last entry that it returned, whatever was staged, committed or folded meanwhile. Entries ahead are read
 *        again after a call of `again`, and at the end of a page.
 *   RC2  for a pending entry the record is read. An entry that is only in the pages is right.
 *   RC3  `rewind` goes back to the last `mark`, so that the entries since then are returned again.
 */

import { compareWords, copyWords, EntryBuffer } from '../keys/entry-words.ts'
import type { KeyCodec } from '../keys/key-codec.ts'
import type { RecordAccess } from '../keys/record-keys.ts'
import type { OrderedLeaf } from '../pages/ordered-leaf.ts'
import type { PageView } from '../pages/page-view.ts'
import type { IndexTree } from '../trees/index-tree.ts'
import type { OrderedDelta } from '../trees/ordered-delta.ts'

/** The lowest and the highest possible entry of a range, both included. */
export interface RangeEnds {
  readonly from: Uint32Array
  readonly to: Uint32Array
}

export interface CursorParts {
  readonly tree: IndexTree<OrderedDelta>
  readonly leaf: OrderedLeaf
  readonly pages: PageView
  readonly records: RecordAccess
  /** For the keys of records that are read. */
  readonly codec: KeyCodec
  /** See KeyIndexParts. */
  readonly recordsEnd?: number | undefined
}

/** Pending entries that are collected at once. */
const WAITING_MAX = 1024

export class RangeCursor {
  readonly #parts: CursorParts
  readonly #isReverse: boolean
  readonly #words: number
  /** The rest of the range: its first entry, and the one behind its last. */
  readonly #from: Uint32Array
  readonly #end: Uint32Array
  #isDone = false
  /** Record numbers of the present page. */
  #numbers = new Uint32Array(512)
  #count = 0
  #at = 0
  /** The page's entries, if they had to be read. */
  readonly #base: EntryBuffer
  #waiting: EntryBuffer
  #joined: EntryBuffer
  readonly #more: EntryBuffer
  /** Whether entries are kept, which `again` and `mark` need. */
  readonly #isKeyed: boolean
  /** The rest of the range before the present page. */
  readonly #spanFrom: Uint32Array
  readonly #spanEnd: Uint32Array
  /** The entries of #numbers, ascending, from index #givenFrom on. */
  #given: EntryBuffer
  #givenFrom = 0
  readonly #merged: EntryBuffer
  /** The place of `mark`: #markAt in the present page; once that page was left, the rest of the range. */
  #markAt = 0
  #isMarkWithin = false
  readonly #markFrom: Uint32Array
  readonly #markEnd: Uint32Array

  constructor(parts: CursorParts, { from, to }: RangeEnds, isReverse: boolean, isKeyed = false) {
    this.#parts = parts
    this.#isKeyed = isKeyed
    this.#isReverse = isReverse
    this.#words = parts.leaf.entryWords
    this.#from = from.slice()
    this.#end = to.slice()
    // No entry has the highest record number, so it need not be included.
    if (this.#end[this.#words - 1] !== 0xffffffff) (this.#end[this.#words - 1] as number)++
    this.#base = new EntryBuffer(this.#words, 512)
    this.#waiting = new EntryBuffer(this.#words)
    this.#more = new EntryBuffer(this.#words)
    this.#joined = new EntryBuffer(this.#words)
    this.#spanFrom = new Uint32Array(this.#words)
    this.#spanEnd = new Uint32Array(this.#words)
    this.#markFrom = new Uint32Array(this.#words)
    this.#markEnd = new Uint32Array(this.#words)
    this.#merged = new EntryBuffer(this.#words)
    this.#given = this.#merged
    this.#isDone = compareWords(this.#from, 0, this.#end, 0, this.#words) >= 0
  }

  /** The next record number; -1 at the end. */
  next(): number {
    while (this.#at >= this.#count) {
      if (this.#isDone) return -1
      this.#load()
    }
    return this.#numbers[this.#at++] as number
  }

  /** Copies the next numbers to `out` from `at` on, at most `max`. @returns their count; 0 at the end */
  take(out: Float64Array, at: number, max: number): number {
    while (this.#at >= this.#count) {
      if (this.#isDone) return 0
      this.#load()
    }
    const some = Math.min(max, this.#count - this.#at)
    for (let i = 0; i < some; i++) out[at + i] = this.#numbers[this.#at + i] as number
    this.#at += some
    return some
  }

  /** Counts the remaining entries. The cursor is at its end afterwards. */
  count(): number {
    let count = this.#count - this.#at
    this.#at = this.#count
    while (!this.#isDone) {
      this.#load()
      count += this.#count
      this.#at = this.#count
    }
    return count
  }

  /** Called after a change. The entries behind the one that was returned last are read again. Keyed cursors only. */
  again(): void {
    this.#leaveMark()
    this.#copyRest(this.#at, this.#from, this.#end)
    this.#goOn()
  }

  /** Remembers this place, for `rewind`. Keyed cursors only. */
  mark(): void {
    this.#markAt = this.#at
    this.#isMarkWithin = true
  }

  /** Goes back to the place of the last `mark`. */
  rewind(): void {
    if (this.#isMarkWithin) {
      this.#at = this.#markAt
      return
    }
    this.#from.set(this.#markFrom)
    this.#end.set(this.#markEnd)
    this.#goOn()
  }

  /**
   * Continues at the place of another cursor over the same range, whose index was replaced. Keyed cursors only.
   * @param placeNow gives the present place of an old record number; negative if it is not known
   * @returns false if the place is not known
   */
  continueFrom(other: RangeCursor, placeNow: (n: number) => number): boolean {
    const last = this.#words - 1
    other.#copyRest(other.#at, this.#from, this.#end)
    const first = placeNow(this.#from[last] as number)
    const end = placeNow(this.#end[last] as number)
    if (first < 0 || end < 0) return false
    this.#from[last] = first
    this.#end[last] = end
    this.#goOn()
    return true
  }

  /** Continues with the bounds that were set. */
  #goOn(): void {
    this.#count = this.#at = 0
    this.#isDone = compareWords(this.#from, 0, this.#end, 0, this.#words) >= 0
  }

  /** Called when the page of `mark` is left. Keeps the mark as the rest of the range. */
  #leaveMark(): void {
    if (!this.#isMarkWithin) return
    this.#isMarkWithin = false
    this.#copyRest(this.#markAt, this.#markFrom, this.#markEnd)
  }

  /** Sets the bounds to the rest of the range, behind the first `given` entries of the present page. */
  #copyRest(given: number, from: Uint32Array, end: Uint32Array): void {
    const words = this.#words
    from.set(this.#count > 0 ? this.#spanFrom : this.#from)
    end.set(this.#count > 0 ? this.#spanEnd : this.#end)
    if (this.#count === 0 || given === 0) return
    const i = this.#isReverse ? this.#count - given : given - 1
    const bound = this.#isReverse ? end : from
    copyWords(this.#given.data, (this.#givenFrom + i) * words, bound, 0, words)
    if (!this.#isReverse) (bound[words - 1] as number)++
  }

  /** Reads the entries of the next page that are in the range, and removes them from the rest of the range. */
  #load(): void {
    this.#leaveMark()
    this.#count = this.#at = 0
    this.#spanFrom.set(this.#from)
    this.#spanEnd.set(this.#end)
    if (this.#isReverse) this.#loadBackwards()
    else this.#loadForwards()
    this.#isDone = compareWords(this.#from, 0, this.#end, 0, this.#words) >= 0
  }

  #loadForwards(): void {
    const { directory } = this.#parts.tree
    const { pageCount } = directory
    const page = pageCount === 0 ? -1 : directory.pageOf(this.#from)
    const pageEnd = new Uint32Array(this.#words)
    const isLast = page + 1 >= pageCount
    if (!isLast) directory.copyFence(page + 1, pageEnd)
    const endsHere = isLast || compareWords(this.#end, 0, pageEnd, 0, this.#words) <= 0
    if (endsHere) pageEnd.set(this.#end)
    this.#loadSpan(page, this.#from, pageEnd)
    this.#from.set(pageEnd)
  }

  #loadBackwards(): void {
    const { directory } = this.#parts.tree
    const { pageCount } = directory
    let page = pageCount === 0 ? -1 : directory.pageOf(this.#end)
    const pageStart = new Uint32Array(this.#words)
    if (page >= 0) {
      directory.copyFence(page, pageStart)
      // `#end` is not in the range. If it is this page's fence, the page before is the last one.
      if (page > 0 && compareWords(pageStart, 0, this.#end, 0, this.#words) === 0)
        directory.copyFence(--page, pageStart)
    }
    if (compareWords(pageStart, 0, this.#from, 0, this.#words) < 0) pageStart.set(this.#from)
    this.#loadSpan(page, pageStart, this.#end.slice())
    const numbers = this.#numbers.subarray(0, this.#count)
    numbers.reverse()
    this.#end.set(pageStart)
  }

  /** Reads the entries from `from` up to `end`, all in one page. With many pending entries it reads a part, and moves a bound. */
  #loadSpan(page: number, from: Uint32Array, end: Uint32Array): void {
    const { tree, leaf, pages } = this.#parts
    if (tree.waiting > 0) this.#collectWaiting(from, end)
    else this.#waiting.clear()
    if (page < 0) {
      this.#merge(0, 0)
      return
    }
    const { directory } = tree
    const at = pages.find(directory, page)
    const { view } = pages
    const pageCount = Math.min(directory.countOf(page), leaf.capacity)
    const first = leaf.lowerBound(view, at, pageCount, from)
    const last = leaf.lowerBound(view, at, pageCount, end)
    if (this.#waiting.count > 0 || this.#parts.recordsEnd !== undefined) {
      this.#base.clear()
      leaf.readEntries(view, at, last, true, this.#base)
      this.#merge(first, last)
      return
    }
    const count = Math.max(0, last - first)
    this.#reserve(count)
    leaf.copyNumbers(view, at, first, count, this.#numbers)
    this.#count = count
    if (!this.#isKeyed) return
    this.#base.clear()
    leaf.readEntries(view, at, last, true, this.#base)
    this.#given = this.#base
    this.#givenFrom = first
  }

  /** Collects pending entries from `from` up to `end`. If there are too many, it moves the bound at which it stopped. */
  #collectWaiting(from: Uint32Array, end: Uint32Array): void {
    const { active, frozen } = this.#parts.tree
    this.#waiting.clear()
    this.#more.clear()
    this.#collect(active, from, end, this.#waiting)
    if (frozen !== undefined) this.#collect(frozen, from, end, this.#more)
    if (this.#isReverse) {
      turn(this.#waiting)
      turn(this.#more)
    }
    if (frozen !== undefined) this.#joinWaiting(from, end)
  }

  #collect(delta: OrderedDelta, from: Uint32Array, end: Uint32Array, out: EntryBuffer): void {
    const words = this.#words
    const hasMore = this.#isReverse
      ? delta.collectBefore(end, from, WAITING_MAX, out)
      : delta.collectFrom(from, end, WAITING_MAX, out)
    if (!hasMore) return
    const bound = this.#isReverse ? from : end
    copyWords(out.data, (out.count - 1) * words, bound, 0, words)
    if (!this.#isReverse) (bound[words - 1] as number)++
  }

  /** Joins the pending entries of both deltas within these bounds, in order, each once. */
  #joinWaiting(from: Uint32Array, end: Uint32Array): void {
    const words = this.#words
    const a = this.#waiting
    const b = this.#more
    const joined = this.#joined
    joined.clear()
    for (let i = 0, j = 0; i < a.count || j < b.count; ) {
      const order =
        i >= a.count ? 1 : j >= b.count ? -1 : compareWords(a.data, i * words, b.data, j * words, words)
      const data = order <= 0 ? a.data : b.data
      const at = (order <= 0 ? i : j) * words
      if (order <= 0) i++
      if (order >= 0) j++
      // The second delta may have stopped earlier than the first.
      if (compareWords(data, at, from, 0, words) < 0 || compareWords(data, at, end, 0, words) >= 0) continue
      joined.push(data, at)
    }
    this.#joined = a
    this.#waiting = joined
  }

  /** Merges the page's entries [first, last) with the pending ones, in order. Pending entries count if their records have the key. */
  #merge(first: number, last: number): void {
    const words = this.#words
    const base = this.#base
    const waiting = this.#waiting
    this.#reserve(Math.max(0, last - first) + waiting.count)
    const numbers = this.#numbers
    let count = 0
    let i = first
    const given = this.#merged
    given.clear()
    this.#given = given
    this.#givenFrom = 0
    const { recordsEnd = Number.POSITIVE_INFINITY } = this.#parts
    const giveBase = (): void => {
      const n = base.numberAt(i)
      if (n < recordsEnd) {
        if (this.#isKeyed) given.push(base.data, i * words)
        numbers[count++] = n
      }
      i++
    }
    for (let w = 0; w < waiting.count; w++) {
      while (i < last && compareWords(base.data, i * words, waiting.data, w * words, words) < 0) giveBase()
      if (i < last && compareWords(base.data, i * words, waiting.data, w * words, words) === 0) i++
      if (!this.#isThere(waiting, w)) continue
      if (this.#isKeyed) given.push(waiting.data, w * words)
      numbers[count++] = waiting.numberAt(w)
    }
    while (i < last) giveBase()
    this.#count = count
  }

  #isThere(waiting: EntryBuffer, w: number): boolean {
    const { records, codec } = this.#parts
    const source = records.find(waiting.numberAt(w))
    if (source === undefined) return false
    codec.extract(source.view as DataView, records.at)
    return compareWords(codec.words, 0, waiting.data, w * this.#words, this.#words - 1) === 0
  }

  #reserve(count: number): void {
    if (count > this.#numbers.length) this.#numbers = new Uint32Array(Math.max(count, this.#numbers.length * 2))
  }
}

/** Reverses a list of entries. */
function turn(entries: EntryBuffer): void {
  const { data, words } = entries
  for (let i = 0, j = entries.count - 1; i < j; i++, j--) {
    for (let k = 0; k < words; k++) {
      const word = data[i * words + k] as number
      data[i * words + k] = data[j * words + k] as number
      data[j * words + k] = word
    }
  }
}
