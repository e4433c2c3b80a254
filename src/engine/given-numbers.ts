/**
 * Which records a walk has given.
 *
 * Adding a number is an append to a list while there are few, and one bit after that: at most as many bits as the store had
 * records when the walk began. Nothing is looked up until something changes under the walk.
 */

/** Beyond so many the list becomes bits. */
const LISTED_MAX = 4096

export class GivenNumbers {
  /** Numbers from here on are never added. */
  #size: number
  #list: number[] = []
  /** The list's first `#known.size` numbers, for `has`. */
  #known = new Set<number>()
  #bits: Uint32Array | undefined

  constructor(size: number) {
    this.#size = size
  }

  add(n: number): void {
    if (this.#bits === undefined && this.#list.length < LISTED_MAX) this.#list.push(n)
    else this.#mark(n)
  }

  has(n: number): boolean {
    const bits = this.#bits
    if (bits !== undefined) return ((bits[n >>> 5] as number) & (1 << (n & 31))) !== 0
    const known = this.#known
    // Each number is added once, so that both have as many.
    for (let i = known.size; i < this.#list.length; i++) known.add(this.#list[i] as number)
    return known.has(n)
  }

  /**
   * Records have other numbers now.
   * @param numberNow below 0 where the record is gone
   * @param size numbers from here on are never added
   */
  renumber(numberNow: (n: number) => number, size: number): void {
    const old = this.#bits === undefined ? this.#list : numbersOf(this.#bits)
    this.#size = size
    this.clear()
    for (const n of old) {
      const now = numberNow(n)
      if (now >= 0) this.add(now)
    }
  }

  clear(): void {
    this.#list = []
    this.#known = new Set()
    this.#bits = undefined
  }

  #mark(n: number): void {
    let bits = this.#bits
    if (bits === undefined) {
      this.#bits = bits = new Uint32Array(Math.ceil(this.#size / 32))
      for (const listed of this.#list)
        bits[listed >>> 5] = (bits[listed >>> 5] as number) | (1 << (listed & 31))
      this.#list = []
      this.#known = new Set()
    }
    bits[n >>> 5] = (bits[n >>> 5] as number) | (1 << (n & 31))
  }
}

function* numbersOf(bits: Uint32Array): Generator<number, void> {
  for (let w = 0; w < bits.length; w++) {
    for (let left = bits[w] as number; left !== 0; left &= left - 1)
      yield w * 32 + 31 - Math.clz32(left & -left)
  }
}
