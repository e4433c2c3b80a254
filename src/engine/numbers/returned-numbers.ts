/**
 * Which records has a walk already returned?
 *
 * Up to 4096 numbers are kept in a list, more of them in a bitmap of the records that the store had when the walk began. They are looked
 * up only after a change during the walk.
 */

/** The most numbers in the list; more of them become a bitmap. */
const LISTED_MAX = 4096
const LISTED_FIRST = 16
const NONE: Uint32Array = new Uint32Array(0)

export class ReturnedNumbers {
  /** Numbers from here on are never added. */
  #size: number
  #list = NONE
  #count = 0
  /** The first numbers of the list, for `has`. */
  #known = new Set<number>()
  #bits: Uint32Array | undefined

  constructor(size: number) {
    this.#size = size
  }

  add(n: number): void {
    const at = this.#count
    if (at === this.#list.length) {
      this.#addBeyond(n)
      return
    }
    this.#list[at] = n
    this.#count = at + 1
  }

  has(n: number): boolean {
    const bits = this.#bits
    if (bits !== undefined) return ((bits[n >>> 5] as number) & (1 << (n & 31))) !== 0
    const known = this.#known
    // Each number is added once, so the set's size is the count of listed numbers in it.
    for (let i = known.size; i < this.#count; i++) known.add(this.#list[i] as number)
    return known.has(n)
  }

  /**
   * Called after records were renumbered.
   * @param numberNow gives the new number, or a negative one if the record is gone
   * @param size numbers from here on are never added
   */
  renumber(numberNow: (n: number) => number, size: number): void {
    const old = this.#bits === undefined ? this.#list.subarray(0, this.#count) : numbersOf(this.#bits)
    this.#size = size
    this.clear()
    for (const n of old) {
      const now = numberNow(n)
      if (now >= 0) this.add(now)
    }
  }

  clear(): void {
    this.#list = NONE
    this.#count = 0
    this.#known = new Set()
    this.#bits = undefined
  }

  /** Adds a number when the list is full, or is a bitmap already. */
  #addBeyond(n: number): void {
    const list = this.#list
    if (this.#bits === undefined && list.length < LISTED_MAX) {
      this.#list = new Uint32Array(Math.max(LISTED_FIRST, list.length * 4))
      this.#list.set(list)
      this.add(n)
      return
    }
    if (this.#bits === undefined) {
      this.clear()
      this.#bits = new Uint32Array(Math.ceil(this.#size / 32))
      for (const listed of list) mark(this.#bits, listed)
    }
    mark(this.#bits, n)
  }
}

function mark(bits: Uint32Array, n: number): void {
  bits[n >>> 5] = (bits[n >>> 5] as number) | (1 << (n & 31))
}

function* numbersOf(bits: Uint32Array): Generator<number, void> {
  for (let w = 0; w < bits.length; w++) {
    for (let left = bits[w] as number; left !== 0; left &= left - 1)
      yield w * 32 + 31 - Math.clz32(left & -left)
  }
}
