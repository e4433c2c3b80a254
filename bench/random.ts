/**
 * Deterministic random numbers: the same seed gives the same records, lookups and checksums, whatever the side.
 */

/** Marsaglia's xorshift, 32 bits. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  /** The next 32 bits. */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return this.next() % bound
  }
}

/** `count` record numbers in [0, records), repeats allowed. */
export function randomNumbers(seed: number, count: number, records: number): Uint32Array {
  const random = new Random(seed)
  const numbers = new Uint32Array(count)
  for (let i = 0; i < count; i++) numbers[i] = random.below(records)
  return numbers
}

/** The seed of a round: each round has numbers of its own, and the same ones in each run with the same seed. */
export function roundSeed(seed: number, round: number): number {
  return new Random((seed ^ Math.imul(round + 1, 0x9e3779b1)) >>> 0).next()
}
