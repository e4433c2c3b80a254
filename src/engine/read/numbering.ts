/**
 * The numbering of records: the new number of a record, and the new place of a walk, after a compact.
 *
 *   NU1  a place keeps its neighbours: records in front of it have lower new numbers, records behind it have higher ones.
 *   NU2  the new number of a record is known if the record was live.
 *   NU3  the effect of a compact is kept in memory as long as the numbering before it is referenced.
 *   NU4  a position between records, as a tail has it, can be followed through a compact of another process, too: the deletion bits of
 *        the replaced file say how many records were live in front of it.
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
  /** The same, if another process compacted. */
  #liveElsewhere: LiveCounts | undefined

  /**
   * Ends this numbering: records have other numbers from now on.
   * @param moved for each number the new one, below 0 for a deleted record; undefined if that is not known
   * @returns the next numbering
   */
  end(moved: Float64Array | undefined): Numbering {
    this.#live = moved === undefined ? undefined : LiveCounts.ofMoved(moved)
    this.#next = new Numbering()
    return this.#next
  }

  /** Called after `end(undefined)`: which records were live when another process compacted. */
  replacedElsewhere(live: LiveCounts | undefined): void {
    this.#liveElsewhere = live
  }

  /** The position in front of number `n`, in the newest numbering; -1 if that is not known. */
  positionNow(n: number): number {
    let position = n
    for (let at: Numbering = this; at.#next !== undefined; at = at.#next) {
      const live = at.#live ?? at.#liveElsewhere
      if (live === undefined) return position === 0 ? 0 : -1
      position = live.below(position)
    }
    return position
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
export class LiveCounts {
  readonly #size: number
  readonly #count: number
  /** One bit for each record, set if it was live; and the number of set bits in front of each word. */
  readonly #bits: Uint32Array
  readonly #before: Uint32Array

  /** @param bits none if every record is live */
  private constructor(size: number, bits: Uint32Array) {
    this.#size = size
    this.#bits = bits
    this.#before = new Uint32Array(bits.length)
    let count = 0
    for (const [w, word] of bits.entries()) {
      this.#before[w] = count
      count += bitCount(word)
    }
    this.#count = bits.length === 0 ? size : count
  }

  /** @param moved for each number the new one, below 0 for a deleted record */
  static ofMoved(moved: Float64Array): LiveCounts {
    const size = moved.length
    const isWhole = size === 0 || moved[size - 1] === size - 1
    const bits = new Uint32Array(isWhole ? 0 : Math.ceil(size / 32))
    for (let w = 0; w < bits.length; w++) {
      const end = Math.min(size, (w + 1) * 32)
      let word = 0
      for (let n = w * 32; n < end; n++) if ((moved[n] as number) >= 0) word |= 1 << (n & 31)
      bits[w] = word
    }
    return new LiveCounts(size, bits)
  }

  /** @param nextDeleted the first deleted record from n on, or `size` */
  static ofDeleted(size: number, nextDeleted: (n: number) => number): LiveCounts {
    let n = nextDeleted(0)
    if (n >= size) return new LiveCounts(size, new Uint32Array(0))
    const bits = new Uint32Array(Math.ceil(size / 32)).fill(0xffffffff)
    if (size % 32 !== 0) bits[bits.length - 1] = (1 << (size % 32)) - 1
    for (; n < size; n = nextDeleted(n + 1)) bits[n >>> 5] = (bits[n >>> 5] as number) & ~(1 << (n & 31))
    return new LiveCounts(size, bits)
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
