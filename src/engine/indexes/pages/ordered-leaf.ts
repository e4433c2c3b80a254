/**
 * A page of an ordered index: consecutive entries in ascending order, found by binary search.
 *
 * An entry is the key's bytes and the four bytes of the record number, most significant first, so comparing bytes compares entries. All
 * keys of an index have the same length, so a page needs no table of positions. Keys are not compressed, since a binary search would have
 * to undo that.
 */

import { PAGE_ENTRIES_BYTES, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { EntryBuffer } from '../keys/entry-words.ts'
import type { LeafFormat, PageBytes, PageRange, PlacedPage } from './leaf-format.ts'

/** The part of its capacity that a new page is filled to. */
const TARGET_FILL = 0.9
/** The first step of a search away from its guess, in entries. */
const REACH_FIRST = 4

export class OrderedLeaf implements LeafFormat {
  /** Bytes of a key. */
  readonly keyBytes: number
  /** Bytes of an entry. */
  readonly stride: number
  readonly entryWords: number
  readonly capacity: number
  readonly target: number
  /** Whole words of a key, and the mask of the key's bits in the next word. */
  readonly wholeWords: number
  readonly restMask: number

  constructor(keyBytes: number) {
    this.keyBytes = keyBytes
    this.stride = keyBytes + 4
    this.entryWords = Math.ceil(keyBytes / 4) + 1
    this.capacity = Math.floor(PAGE_ENTRIES_BYTES / this.stride)
    this.target = Math.max(2, Math.floor(this.capacity * TARGET_FILL))
    this.wholeWords = keyBytes >>> 2
    this.restMask = [0, 0xff000000, 0xffff0000, 0xffffff00][keyBytes & 3] as number
  }

  writeEntries(
    entries: EntryBuffer,
    from: number,
    count: number,
    _range: PageRange,
    { view }: PageBytes,
  ): boolean {
    const { data } = entries
    const { stride, keyBytes, wholeWords, restMask, entryWords } = this
    let at = PAGE_FIELD_AT.entries
    let word = from * entryWords
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < wholeWords; k++) view.setUint32(at + k * 4, data[word++] as number)
      // The last bytes of this word are overwritten by the record number.
      if (restMask !== 0) view.setUint32(at + wholeWords * 4, data[word++] as number)
      view.setUint32(at + keyBytes, data[word++] as number)
      at += stride
    }
    return true
  }

  readEntries(view: DataView, at: number, count: number, _isPacked: boolean, out: EntryBuffer): void {
    const some = Math.min(count, this.capacity)
    out.reserve(some)
    const { data } = out
    const { stride, keyBytes, wholeWords, restMask } = this
    let from = at + PAGE_FIELD_AT.entries
    let word = out.count * this.entryWords
    for (let i = 0; i < some; i++) {
      for (let k = 0; k < wholeWords; k++) data[word++] = view.getUint32(from + k * 4)
      if (restMask !== 0) data[word++] = view.getUint32(from + wholeWords * 4) & restMask
      data[word++] = view.getUint32(from + keyBytes)
      from += stride
    }
    out.count += some
  }

  hasEntry(view: DataView, at: number, { count }: PlacedPage, entry: Uint32Array): boolean {
    const i = this.lowerBound(view, at, count, entry)
    return i < Math.min(count, this.capacity) && this.compare(view, at, i, entry) === 0
  }

  /** The record number of entry i of the page at `at`. */
  numberAt(view: DataView, at: number, i: number): number {
    return view.getUint32(at + PAGE_FIELD_AT.entries + i * this.stride + this.keyBytes)
  }

  /** Copies the record numbers of entries from `first` on. */
  copyNumbers(view: DataView, at: number, first: number, count: number, out: Uint32Array): void {
    const { stride } = this
    let from = at + PAGE_FIELD_AT.entries + first * stride + this.keyBytes
    for (let i = 0; i < count; i++) {
      out[i] = view.getUint32(from)
      from += stride
    }
  }

  /** Compares entry i of the page at `at` with an entry. @returns a negative number, 0 or a positive number */
  compare(view: DataView, at: number, i: number, entry: Uint32Array): number {
    const order = this.compareKey(view, at, i, entry)
    if (order !== 0) return order
    const mine = this.numberAt(view, at, i)
    const other = entry[this.entryWords - 1] as number
    return mine === other ? 0 : mine < other ? -1 : 1
  }

  /** Like `compare`, for the keys only. */
  compareKey(view: DataView, at: number, i: number, entry: Uint32Array): number {
    const from = at + PAGE_FIELD_AT.entries + i * this.stride
    const { wholeWords, restMask } = this
    for (let k = 0; k < wholeWords; k++) {
      const mine = view.getUint32(from + k * 4)
      const other = entry[k] as number
      if (mine !== other) return mine < other ? -1 : 1
    }
    if (restMask === 0) return 0
    const mine = (view.getUint32(from + wholeWords * 4) & restMask) >>> 0
    const other = entry[wholeWords] as number
    return mine === other ? 0 : mine < other ? -1 : 1
  }

  /**
   * The first of `count` entries of the page at `at` that is not before `entry`; `count` if all are. Searches from `guess` on in doubling
   * steps, then by binary search. A good guess touches one or two cache lines; a bad one doubles the cost of a binary search.
   */
  lowerBound(view: DataView, at: number, count: number, entry: Uint32Array, guess = count >>> 1): number {
    const { stride, wholeWords } = this
    const first = entry[0] as number
    const start = at + PAGE_FIELD_AT.entries
    let low = 0
    let high = Math.min(count, this.capacity)
    let i = guess
    for (let reach = REACH_FIRST; low < high; reach *= 2) {
      if (i < low || i >= high) i = (low + high) >>> 1
      const word = wholeWords > 0 ? view.getUint32(start + i * stride) : first
      const isBefore = word !== first ? word < first : this.compare(view, at, i, entry) < 0
      if (isBefore) {
        low = i + 1
        i += reach
      } else {
        high = i
        i -= reach
      }
    }
    return low
  }
}
