/**
 * Which record numbers are reserved for appends of concurrent transactions?
 *
 *   NN1  a number is not given again as long as the transaction that reserved it may commit.
 */

export class NumberReservations {
  readonly #reserved = new Set<number>()
  #end = 0

  /** One more than the highest reserved number; 0 where none is. */
  get end(): number {
    return this.#end
  }

  has(n: number): boolean {
    return this.#reserved.has(n)
  }

  /** @param size record numbers in use @returns the lowest number that neither a record nor a transaction has */
  take(size: number): number {
    const n = Math.max(size, this.#end)
    this.#reserved.add(n)
    this.#end = n + 1
    return n
  }

  /** The number is its record's now, or nobody's. */
  give(n: number): void {
    this.#reserved.delete(n)
    if (this.#reserved.size === 0) this.#end = 0
    else while (!this.#reserved.has(this.#end - 1)) this.#end--
  }
}
