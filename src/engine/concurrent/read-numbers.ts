/**
 * Which records a transaction read: numbers, and ranges where it walked.
 */

/** A shorter run of neighbours is kept as single numbers. */
const RUN_MIN = 16

export class ReadNumbers {
  readonly #single = new Set<number>()
  readonly #runs: { readonly from: number; readonly to: number }[] = []
  /** The run that goes on. */
  #from = 0
  #to = 0

  /** How many looks `has` takes at most, about. */
  get isLarge(): boolean {
    return this.#runs.length > 0
  }

  add(n: number): void {
    if (n === this.#to) this.#to++
    else if (n < this.#from || n > this.#to) {
      this.#endRun()
      this.#from = n
      this.#to = n + 1
    }
  }

  has(n: number): boolean {
    if (n >= this.#from && n < this.#to) return true
    return this.#single.has(n) || this.#runs.some(({ from, to }) => n >= from && n < to)
  }

  /** The numbers that are kept singly; all of them where `isLarge` is false. */
  *[Symbol.iterator](): Generator<number, void> {
    yield* this.#single
    for (let n = this.#from; n < this.#to; n++) yield n
  }

  #endRun(): void {
    if (this.#to - this.#from >= RUN_MIN) this.#runs.push({ from: this.#from, to: this.#to })
    else for (let n = this.#from; n < this.#to; n++) this.#single.add(n)
  }
}
