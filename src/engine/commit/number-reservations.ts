/**
 * Which record numbers are reserved for appends of concurrent transactions?
 *
 *   NN1  a reserved number is not used for another record while the transaction that reserved it may commit.
 */

export class NumberReservations {
  readonly #reserved = new Set<number>()
  #end = 0

  /** The highest reserved number plus 1; 0 if none is reserved. */
  get end(): number {
    return this.#end
  }

  has(n: number): boolean {
    return this.#reserved.has(n)
  }

  /** Reserves a number. @param size record numbers in use @returns the lowest number above all records and reservations */
  take(size: number): number {
    const n = Math.max(size, this.#end)
    this.#reserved.add(n)
    this.#end = n + 1
    return n
  }

  /** Ends a reservation: the number belongs to a committed record, or is free. */
  give(n: number): void {
    this.#reserved.delete(n)
    if (this.#reserved.size === 0) this.#end = 0
    else while (!this.#reserved.has(this.#end - 1)) this.#end--
  }
}
