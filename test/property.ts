/**
 * How often does a test try its property, and from which seed? STRIDEDB_RUNS and STRIDEDB_SEED say so; `npm run torture` sets both.
 * The short tests try a third of the usual runs, and the long ones all of them (vitest.config.ts).
 */

import { runSeed } from './crash/random.ts'

/** Options of fast-check: `usual` runs where nothing else is asked for, and the seed of this run. */
export function propertyOptions(usual: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: propertyRuns(usual), seed: runSeed() }
}

export function propertyRuns(usual: number): number {
  const given = process.env.STRIDEDB_RUNS
  if (given === undefined) return process.env.STRIDEDB_SHORT === undefined ? usual : Math.ceil(usual / 3)
  if (!/^[1-9]\d*$/.test(given)) throw new TypeError(`STRIDEDB_RUNS is a whole number above 0: ${given}`)
  return Number(given)
}
