/**
 * How is the first element of a queue taken in constant time? `shift` of an array moves all that follow.
 */

/** So many elements are taken before the memory in front of the first one is released. */
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

  /** Takes all elements. @returns them in order */
  takeAll(): readonly T[] {
    const items = this.#items.slice(this.#start) as T[]
    this.#items = []
    this.#start = 0
    return items
  }
}
