/**
 * The numbering of records: the new number of a record, and the new place of a walk, after a compact.
 *
 *   NU1  a place keeps its neighbours: records in front of it have lower new numbers, records behind it have higher ones.
 *   NU2  the new number of a record is known if the record was live.
 *   NU3  the effect of a compact is kept in memory as long as the numbering before it is referenced.
 */

/** Higher than any record number: the place behind all records. */
const HIGHEST = 0xffffffff

/** In the result of `compact`: the record was deleted, so it has no new number. */
export const GONE = -1
/** The new number is not known, since another process compacted. */
export const UNKNOWN = -2

export class Numbering {
  #next: Numbering | undefined
  /** How many live records were below each number; undefined if that is not known. */
  #live: LiveCounts | undefined

  /**
   * Ends this numbering: records have other numbers from now on.
   * @param moved for each number the new one, below 0 for a deleted record; undefined if that is not known
   * @returns the next numbering
   */
  end(moved: Float64Array | undefined): Numbering {
    this.#live = moved === undefined ? undefined : new LiveCounts(moved)
    this.#next = new Numbering()
    return this.#next
  }

  get newest(): Numbering {
    return this.#next === undefined ? this : this.#next.newest
  }

  /** The place in front of number `n`, in the newest numbering; -1 if that is not known. */
  placeNow(n: number): number {
    let place = n
    for (let at: Numbering = this; at.#next !== undefined; at = at.#next) {
      if (place === 0 || place === HIGHEST) return place
      if (at.#live === undefined) return -1
      place = at.#live.below(place)
    }
    return place
  }

  /** The number of record `n` in the newest numbering; GONE or UNKNOWN if it has none. */
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

/** How many live records are below a number. Takes two bits for each record. */
class LiveCounts {
  readonly #size: number
  readonly #count: number
  /** One bit for each record, set if it was live; and the number of set bits in front of each word. */
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
