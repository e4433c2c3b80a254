/**
 * What a benchmark answers: rows of sides with figures, ready to print and to keep as JSON (`--json`).
 *
 * How the figures come about: measure.ts.
 */

import { median, quantile } from './quantile.ts'
import type { Written } from './written.ts'

/** How a side was brought into the state in which it was timed. */
export type Warming = 'same pass' | 'CPU caches evicted' | 'none'

export type CacheState = 'warm' | 'cold' | 'does not apply'

export interface PageFaults {
  readonly minor: number
  readonly major: number
}

/** Nanoseconds of single operations, over all counted rounds. */
export interface Percentiles {
  readonly samples: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface SideFigures {
  readonly name: string
  readonly operations: number
  readonly rounds: number
  readonly warming: Warming
  /** Nanoseconds per operation of each counted round, in order. */
  readonly ns: readonly number[]
  /** Median over the rounds, or over the single operations where those were timed. */
  readonly nsPerOperation: number
  readonly nsPerOperationMin: number
  /** Processor time of all threads, median over the rounds: less than the time where a side waits or the machine is busy. */
  readonly cpuNsPerOperation: number
  /** Medians over the rounds, of a whole pass; of what the disk counts, the least. */
  readonly faults: PageFaults
  readonly syncs: number
  readonly written: Written
  readonly percentiles?: Percentiles
  readonly note?: string
}

export interface Target {
  readonly text: string
  readonly figure: string
  /** undefined: not judged, because the run was a smoke test or a side was missing. */
  readonly isMet: boolean | undefined
}

/** One comparison. */
export interface Row {
  readonly what: string
  readonly cache: CacheState
  readonly sides: readonly SideFigures[]
  readonly targets: readonly Target[]
  readonly notes: readonly string[]
  /** Why there are no figures. */
  readonly skipped?: string
}

/** Of nanoseconds, of which there is at least one. */
export function percentilesOf(ns: readonly number[]): Percentiles {
  const at = (part: number): number => quantile(ns, part)
  return { samples: ns.length, p50: median(ns), p99: at(0.99), p999: at(0.999), max: at(1) }
}

/** Figures of single operations that were timed one by one, without a round of their own. */
export function figuresOf(name: string, ms: readonly number[]): SideFigures {
  const percentiles = percentilesOf(ms.map(each => each * 1e6))
  return {
    name,
    operations: ms.length,
    rounds: 1,
    warming: 'none',
    ns: [percentiles.p50],
    nsPerOperation: percentiles.p50,
    nsPerOperationMin: Math.min(...ms) * 1e6,
    cpuNsPerOperation: 0,
    faults: { minor: 0, major: 0 },
    syncs: 0,
    written: { byProcess: 0, toDisk: 0 },
    percentiles,
  }
}
