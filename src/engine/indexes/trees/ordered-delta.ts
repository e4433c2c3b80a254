/**
 * The pending entries of an ordered index: a tree of two levels, a sorted list of sorted leaves.
 *
 * An insert moves at most one leaf's entries. A full leaf is split in two; with ascending keys a new leaf begins instead. No insert takes
 * more than some ten microseconds, however many entries are pending.
 */

import { compareWords, copyWords, type EntryBuffer } from '../keys/entry-words.ts'
import type { Delta, EntryStream } from './delta.ts'

const LEAF_ENTRIES = 256

interface Leaf {
  data: Uint32Array
  count: number
}

export class OrderedDelta implements Delta {
  readonly #words: number
  readonly #leaves: Leaf[] = []
  /** First word of each leaf's first entry, for a binary search that does not touch the leaves. */
  #heads = new Uint32Array(64)
  count = 0

  /** @param entryWords words of an entry, including the record number */
  constructor(entryWords: number) {
    this.#words = entryWords
  }

  add(entry: Uint32Array, at: number): void {
    const words = this.#words
    if (this.#leaves.length === 0)
      this.#insertLeaf(0, { data: new Uint32Array(LEAF_ENTRIES * words), count: 0 })
    let i = this.#leafFor(entry, at)
    let leaf = this.#leaves[i] as Leaf
    let place = this.#placeIn(leaf, entry, at)
    if (place < leaf.count && compareWords(leaf.data, place * words, entry, at, words) === 0) return
    if (leaf.count === LEAF_ENTRIES) {
      const isLast = i === this.#leaves.length - 1 && place === leaf.count
      const kept = isLast ? LEAF_ENTRIES : LEAF_ENTRIES / 2
      const right = { data: new Uint32Array(LEAF_ENTRIES * words), count: LEAF_ENTRIES - kept }
      right.data.set(leaf.data.subarray(kept * words))
      leaf.count = kept
      if (isLast) copyWords(entry, at, right.data, 0, words)
      this.#insertLeaf(i + 1, right)
      if (place > kept || isLast) {
        i++
        place -= kept
        leaf = right
      }
    }
    leaf.data.copyWithin((place + 1) * words, place * words, leaf.count * words)
    copyWords(entry, at, leaf.data, place * words, words)
    leaf.count++
    if (place === 0) this.#heads[i] = entry[at] as number
    this.count++
  }

  has(entry: Uint32Array, at: number): boolean {
    const words = this.#words
    if (this.#leaves.length === 0) return false
    const leaf = this.#leaves[this.#leafFor(entry, at)] as Leaf
    const place = this.#placeIn(leaf, entry, at)
    return place < leaf.count && compareWords(leaf.data, place * words, entry, at, words) === 0
  }

  /** Whether it contains an entry with the key of this one, whose record number is 0. */
  hasKey(entry: Uint32Array): boolean {
    const words = this.#words
    if (this.#leaves.length === 0) return false
    const i = this.#leafFor(entry, 0)
    let leaf = this.#leaves[i] as Leaf
    let place = this.#placeIn(leaf, entry, 0)
    if (place >= leaf.count) {
      const next = this.#leaves[i + 1]
      if (next === undefined) return false
      leaf = next
      place = 0
    }
    return compareWords(leaf.data, place * words, entry, 0, words - 1) === 0
  }

  stream(): EntryStream {
    return new OrderedStream(this.#leaves, this.#words)
  }

  collectBelow(size: number, out: EntryBuffer): void {
    const words = this.#words
    out.reserve(this.count)
    for (const { data, count } of this.#leaves) {
      for (let i = 0; i < count; i++) {
        if ((data[(i + 1) * words - 1] as number) < size) out.push(data, i * words)
      }
    }
  }

  /**
   * Appends to `out` the first entries from `from` on that are before `end`, at most `max`.
   * @returns whether there may be more of them
   */
  collectFrom(from: Uint32Array, end: Uint32Array, max: number, out: EntryBuffer): boolean {
    const words = this.#words
    if (this.#leaves.length === 0) return false
    let i = this.#leafFor(from, 0)
    let place = this.#placeIn(this.#leaves[i] as Leaf, from, 0)
    for (let taken = 0; taken < max; taken++) {
      let leaf = this.#leaves[i] as Leaf
      if (place >= leaf.count) {
        if (++i >= this.#leaves.length) return false
        leaf = this.#leaves[i] as Leaf
        place = 0
      }
      if (compareWords(leaf.data, place * words, end, 0, words) >= 0) return false
      out.push(leaf.data, place * words)
      place++
    }
    return true
  }

  /** Like `collectFrom`, backwards: the last entries before `end` that are not before `from`, in descending order. */
  collectBefore(end: Uint32Array, from: Uint32Array, max: number, out: EntryBuffer): boolean {
    const words = this.#words
    if (this.#leaves.length === 0) return false
    let i = this.#leafFor(end, 0)
    let place = this.#placeIn(this.#leaves[i] as Leaf, end, 0)
    for (let taken = 0; taken < max; taken++) {
      if (place === 0) {
        if (--i < 0) return false
        place = (this.#leaves[i] as Leaf).count
      }
      place--
      const { data } = this.#leaves[i] as Leaf
      if (compareWords(data, place * words, from, 0, words) < 0) return false
      out.push(data, place * words)
    }
    return true
  }

  /** The last leaf whose first entry is not after this one, or the first leaf. */
  #leafFor(entry: Uint32Array, at: number): number {
    const word = entry[at] as number
    const heads = this.#heads
    let low = 0
    let high = this.#leaves.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const head = heads[middle] as number
      const isAfter = head > word || (head === word && this.#startsAfter(middle, entry, at))
      if (isAfter) high = middle
      else low = middle + 1
    }
    return low === 0 ? 0 : low - 1
  }

  #startsAfter(i: number, entry: Uint32Array, at: number): boolean {
    const { data, count } = this.#leaves[i] as Leaf
    return count > 0 && compareWords(data, 0, entry, at, this.#words) > 0
  }

  /** The place of the first entry of a leaf that is not before this one. */
  #placeIn({ data, count }: Leaf, entry: Uint32Array, at: number): number {
    const words = this.#words
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareWords(data, middle * words, entry, at, words) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #insertLeaf(i: number, leaf: Leaf): void {
    const count = this.#leaves.length
    this.#leaves.splice(i, 0, leaf)
    if (count === this.#heads.length) {
      const heads = new Uint32Array(count * 2)
      heads.set(this.#heads)
      this.#heads = heads
    }
    this.#heads.copyWithin(i + 1, i, count)
    this.#heads[i] = leaf.data[0] as number
  }
}

class OrderedStream implements EntryStream {
  readonly #leaves: readonly Leaf[]
  readonly #words: number
  #leaf = 0
  #place = 0

  constructor(leaves: readonly Leaf[], words: number) {
    this.#leaves = leaves
    this.#words = words
  }

  get isDone(): boolean {
    return this.#leaf >= this.#leaves.length
  }
  get data(): Uint32Array {
    return (this.#leaves[this.#leaf] as Leaf).data
  }
  get at(): number {
    return this.#place * this.#words
  }
  next(): void {
    if (++this.#place < (this.#leaves[this.#leaf] as Leaf).count) return
    this.#leaf++
    this.#place = 0
  }
}
