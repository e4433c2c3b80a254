/**
 * A queue that gives its first element in constant time: an array's `shift` moves all that follow.
 */

/** As many are taken before the memory in front of the first is given back. */
const TAKEN_MIN = 1024

export class Fifo<T> {
  #items: (T | undefined)[] = []
  #start = 0

  get length(): number {
    return this.#items.length - this.#start
  }
  get first(): T | undefined {
    return this.#items[this.#start]
  }
  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Takes the first one. */
  shift(): T | undefined {
    const first = this.#items[this.#start]
    if (this.#start === this.#items.length) return undefined
    this.#items[this.#start++] = undefined
    if (this.#start >= TAKEN_MIN && this.#start * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#start)
      this.#start = 0
    }
    return first
  }

  /** Takes the last one. */
  pop(): T | undefined {
    return this.length === 0 ? undefined : this.#items.pop()
  }

  /** Takes all. @returns them, the first one first */
  takeAll(): readonly T[] {
    const items = this.#items.slice(this.#start) as T[]
    this.#items = []
    this.#start = 0
    return items
  }
}
