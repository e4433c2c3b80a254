/**
 * A growing list of record numbers, bounded by memory only; a Set ends at 2^24 elements, an array at 2^27.
 */

const FIRST_LENGTH = 16

export class NumberList {
  #numbers = new Float64Array(FIRST_LENGTH)
  #count = 0

  push(n: number): void {
    if (this.#count === this.#numbers.length) {
      const grown = new Float64Array(this.#count * 2)
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    this.#numbers[this.#count++] = n
  }

  /** The numbers in the order in which they were added. */
  toArray(): Float64Array {
    return this.#numbers.slice(0, this.#count)
  }

  /** The distinct numbers in ascending order. */
  toSet(): Float64Array {
    const numbers = this.toArray()
    // Numbers from pages are ascending; those of pending entries come in any order.
    if (!numbers.every((n, i) => i === 0 || n >= (numbers[i - 1] as number))) numbers.sort()
    let count = 0
    for (let i = 0; i < numbers.length; i++) {
      if (i === 0 || numbers[i] !== numbers[i - 1]) numbers[count++] = numbers[i] as number
    }
    return numbers.slice(0, count)
  }
}
