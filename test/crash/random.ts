/**
 * Chance that can be repeated: everything drawn follows from one seed.
 */

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A whole number in [0, bound). */
  below(bound: number): number
  /** True with the given probability. */
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
}

/** Splitmix32 over a seed; several parts make one seed, so that each workload of a run has its own. */
export function seededRandom(...seed: readonly number[]): Random {
  let state = seed.reduce((mixed, part) => mix(mixed ^ part), 0x9e3779b9)
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    return (mix(state) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  return {
    next,
    below,
    chance: probability => next() < probability,
    pick: list => list[below(list.length)] as (typeof list)[number],
  }
}

const TEST_SEED = 20_261_121

/**
 * The seed of this run: STRIDEDB_SEED, or always the same one, so that the tests judge the change at hand; `npm run
 * torture` draws a new one each time. Whoever uses it prints it when something fails.
 */
export function runSeed(): number {
  const given = process.env.STRIDEDB_SEED
  if (given === undefined) return TEST_SEED
  if (!/^\d+$/.test(given)) throw new TypeError(`STRIDEDB_SEED is a whole number: ${given}`)
  return Number(given)
}

function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return x ^ (x >>> 15)
}
