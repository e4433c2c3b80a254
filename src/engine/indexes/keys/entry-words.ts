/**
 * Entries of indexes in memory, as rows of 32-bit words: the key's words, most significant first, then the record number.
 *
 * All entries of an index have the same count of words. A hash is one word, an ordered key its bytes in big-endian order. Comparing words
 * compares keys (KL1 of key-leaf.ts).
 */

/** Compares two rows of words. @returns a negative number, 0 or a positive number, as for sorting */
export function compareWords(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number, words: number): number {
  for (let i = 0; i < words; i++) {
    const left = a[aAt + i] as number
    const right = b[bAt + i] as number
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/** Copies a row of words. */
export function copyWords(
  from: Uint32Array,
  fromAt: number,
  to: Uint32Array,
  toAt: number,
  words: number,
): void {
  for (let i = 0; i < words; i++) to[toAt + i] = from[fromAt + i] as number
}

/** Entries of `words` words each. */
export interface EntryList {
  readonly words: number
  readonly count: number
  readonly data: Uint32Array
}

/** A list of entries that grows. */
export class EntryBuffer implements EntryList {
  readonly words: number
  count = 0
  data: Uint32Array

  constructor(words: number, capacity = 64) {
    this.words = words
    this.data = new Uint32Array(capacity * words)
  }

  clear(): void {
    this.count = 0
  }

  /** Makes room for so many more entries. */
  reserve(more: number): void {
    const needed = (this.count + more) * this.words
    if (needed <= this.data.length) return
    const grown = new Uint32Array(Math.max(needed, this.data.length * 2))
    grown.set(this.data.subarray(0, this.count * this.words))
    this.data = grown
  }

  push(from: Uint32Array, at: number): void {
    const { words } = this
    if ((this.count + 1) * words > this.data.length) this.reserve(1)
    copyWords(from, at, this.data, this.count * words, words)
    this.count++
  }

  /** The record number of entry i, its last word. */
  numberAt(i: number): number {
    return this.data[(i + 1) * this.words - 1] as number
  }
}
