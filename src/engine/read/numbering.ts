/**
 * The numbers that records have until compact gives them others, and how a place among the old ones is found among the new.
 *
 *   NU1  a place keeps its neighbours: whatever record lay in front of it, or behind, does so by its new number, too.
 *   NU2  a record keeps itself: its new number is told as long as it was live.
 *   NU3  what a compact did is kept for as long as something holds the numbering from before it, and no longer.
 */

/** Higher than any record number: a place behind all. */
const HIGHEST = 0xffffffff

/** No number: the record was deleted before a compact. */
export const GONE = -1
/** No number that is known: another process compacted. */
export const UNKNOWN = -2

export class Numbering {
  #next: Numbering | undefined
  /** How many records lay below each number; undefined where that is not known. */
  #live: LiveCounts | undefined

  /**
   * Records have other numbers from now on.
   * @param moved for each number the new one, below 0 where there is none; undefined where that is not known
   * @returns the numbering from now on
   */
  end(moved: Float64Array | undefined): Numbering {
    this.#live = moved === undefined ? undefined : new LiveCounts(moved)
    this.#next = new Numbering()
    return this.#next
  }

  get newest(): Numbering {
    return this.#next === undefined ? this : this.#next.newest
  }

  /** Where the place in front of number `n` is in the newest numbering; -1 where that is not known. */
  placeNow(n: number): number {
    let place = n
    for (let at: Numbering = this; at.#next !== undefined; at = at.#next) {
      if (place === 0 || place === HIGHEST) return place
      if (at.#live === undefined) return -1
      place = at.#live.below(place)
    }
    return place
  }

  /** The number that record `n` has in the newest numbering; GONE or UNKNOWN where it has none. */
  numberNow(n: number): number {
    let number = n
    for (let at: Numbering = this; at.#next !== undefined; at = at.#next) {
      if (at.#live === undefined) return UNKNOWN
      if (!at.#live.has(number)) return GONE
      number = at.#live.below(number)
    }
    return number
  }
}

/** How many records lie below a number, in a quarter of a byte for each. */
class LiveCounts {
  readonly #size: number
  readonly #count: number
  /** One bit for each live record, and how many lie in front of each word of them. */
  readonly #bits: Uint32Array
  readonly #before: Uint32Array

  constructor(moved: Float64Array) {
    const size = moved.length
    const isWhole = size === 0 || moved[size - 1] === size - 1
    const words = isWhole ? 0 : Math.ceil(size / 32)
    this.#size = size
    this.#bits = new Uint32Array(words)
    this.#before = new Uint32Array(words)
    let count = 0
    for (let w = 0; w < words; w++) {
      this.#before[w] = count
      const end = Math.min(size, (w + 1) * 32)
      let bits = 0
      for (let n = w * 32; n < end; n++) {
        if ((moved[n] as number) < 0) continue
        bits |= 1 << (n & 31)
        count++
      }
      this.#bits[w] = bits
    }
    this.#count = isWhole ? size : count
  }

  has(n: number): boolean {
    if (n >= this.#size) return false
    return this.#bits.length === 0 || ((this.#bits[n >>> 5] as number) & (1 << (n & 31))) !== 0
  }

  below(n: number): number {
    if (n >= this.#size) return this.#count
    if (this.#bits.length === 0) return n
    const w = n >>> 5
    return (this.#before[w] as number) + bitCount((this.#bits[w] as number) & ((1 << (n & 31)) - 1))
  }
}

function bitCount(word: number): number {
  let count = 0
  for (let left = word; left !== 0; left &= left - 1) count++
  return count
}
