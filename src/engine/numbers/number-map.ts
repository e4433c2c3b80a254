/**
 * A map from record numbers to 32-bit numbers, bounded by memory only; a JavaScript Map ends at 2^24 entries.
 *
 * Open addressing with linear probing. Sixteen neighbouring numbers hash to neighbouring slots, so that changes in ascending order touch
 * few cache lines.
 */

const SLOTS_MIN = 16
/** `clear` frees the slots if there are more than this, or if less than this part of them was used. */
const SLOTS_KEPT = 4096
const PART_KEPT = 1 / 16
/** A full map gets so many times its slots. The factor is large, since moving the entries costs more than the memory. */
const GROWTH = 4
/** At most this part of the slots is used. */
const LOAD = 0.7
const FREE = -1
const NEIGHBOURS = 16
const SPREAD = 0x9e3779b1

export class NumberMap {
  #keys = new Float64Array(SLOTS_MIN).fill(FREE)
  #values = new Int32Array(SLOTS_MIN)
  #mask = SLOTS_MIN - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  get(n: number): number | undefined {
    if (this.#size === 0) return undefined
    const keys = this.#keys
    const mask = this.#mask
    for (let slot = home(n, mask); ; slot = (slot + 1) & mask) {
      const key = keys[slot]
      if (key === n) return this.#values[slot]
      if (key === FREE) return undefined
    }
  }

  set(n: number, value: number): void {
    if (this.#size >= this.#keys.length * LOAD) this.#grow()
    this.#put(n, value)
  }

  delete(n: number): void {
    const keys = this.#keys
    const mask = this.#mask
    let slot = home(n, mask)
    while (keys[slot] !== n) {
      if (keys[slot] === FREE) return
      slot = (slot + 1) & mask
    }
    this.#size--
    // Entries that had been displaced behind it move up, so that no search ends too early.
    let free = slot
    for (let next = (slot + 1) & mask; keys[next] !== FREE; next = (next + 1) & mask) {
      const distance = (next - home(keys[next] as number, mask)) & mask
      if (distance < ((next - free) & mask)) continue
      keys[free] = keys[next] as number
      this.#values[free] = this.#values[next] as number
      free = next
    }
    keys[free] = FREE
  }

  clear(): void {
    if (this.#size === 0) return
    const slots = this.#keys.length
    const isWellUsed = this.#size >= slots * PART_KEPT
    this.#size = 0
    if (slots === SLOTS_MIN || (isWellUsed && slots <= SLOTS_KEPT)) {
      this.#keys.fill(FREE)
      return
    }
    this.#keys = new Float64Array(SLOTS_MIN).fill(FREE)
    this.#values = new Int32Array(SLOTS_MIN)
    this.#mask = SLOTS_MIN - 1
  }

  /** Visits each entry, in no particular order. The map may not change meanwhile. */
  forEach(visit: (n: number, value: number) => void): void {
    const keys = this.#keys
    let left = this.#size
    for (let slot = 0; left > 0; slot++) {
      const key = keys[slot] as number
      if (key === FREE) continue
      left--
      visit(key, this.#values[slot] as number)
    }
  }

  #put(n: number, value: number): void {
    const keys = this.#keys
    const mask = this.#mask
    let slot = home(n, mask)
    for (let key = keys[slot] as number; key !== n; key = keys[slot] as number) {
      if (key === FREE) {
        keys[slot] = n
        this.#size++
        break
      }
      slot = (slot + 1) & mask
    }
    this.#values[slot] = value
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    const slots = keys.length * GROWTH
    this.#keys = new Float64Array(slots).fill(FREE)
    this.#values = new Int32Array(slots)
    this.#mask = slots - 1
    this.#size = 0
    for (let slot = 0; slot < keys.length; slot++) {
      if (keys[slot] !== FREE) this.#put(keys[slot] as number, values[slot] as number)
    }
  }
}

/** The slot at which a search begins. */
function home(n: number, mask: number): number {
  const block = Math.floor(n / NEIGHBOURS)
  const high = Math.floor(block / 2 ** 32)
  let mixed = Math.imul((block | 0) ^ Math.imul(high, 0x85ebca6b), SPREAD)
  mixed ^= mixed >>> 15
  return (mixed * NEIGHBOURS + (n % NEIGHBOURS)) & mask
}
