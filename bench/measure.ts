/**
 * How the sides of a comparison are measured: in turns, batch by batch, within one run.
 *
 *   B1  every round runs each side once, so that what else the machine does meets them alike.
 *   B2  sides that do the same work must answer the same checksum, or there are no figures.
 *   B3  preparing and cleaning up, page faults and syncs are taken outside the clock.
 * tinybench runs the rounds and holds the clock; a side in another process brings its own time along.
 */

import { Bench } from 'tinybench'

/** What a batch costs that timed itself. */
export interface OwnTiming {
  readonly ns: number
  readonly checksum?: number
  readonly faults?: PageFaults
}

export interface PageFaults {
  readonly minor: number
  readonly major: number
}

export interface Side {
  readonly name: string
  /** Operations in a batch; figures are per operation. */
  readonly operations: number
  /** Does a batch. @returns a checksum of what it saw, or its own timing */
  run(operations: number): number | OwnTiming | Promise<number | OwnTiming>
  /** Before and after each batch, outside the clock. */
  before?(): void | Promise<void>
  after?(): void | Promise<void>
  /** Syncs so far; the difference over a batch is printed. Read before `after`. */
  syncs?(): number
  /** One more column, asked after the last round. */
  note?(): string
}

export interface SideFigures {
  readonly name: string
  readonly operations: number
  readonly rounds: number
  /** Median over the rounds. */
  readonly nsPerOperation: number
  readonly nsPerOperationMin: number
  /** Medians over the rounds, of a whole batch. */
  readonly faults: PageFaults
  readonly syncs: number
  readonly note?: string
}

export type CacheState = 'warm' | 'cold' | 'does not apply'

export interface Target {
  readonly text: string
  readonly figure: string
  /** undefined: not judged, because the run was a smoke test or a side was missing. */
  readonly isMet: boolean | undefined
}

/** One comparison, ready to print. */
export interface Row {
  readonly what: string
  readonly cache: CacheState
  readonly sides: readonly SideFigures[]
  readonly targets: readonly Target[]
  readonly notes: readonly string[]
  /** Why there are no figures. */
  readonly skipped?: string
}

/** A round that must not be counted, because what it promised was not so: no cold cache, say. */
export class NotMeasurable extends Error {
  override readonly name = 'NotMeasurable'
}

/** Batches of each side in turn. The first `warmups` rounds are not counted. @throws NotMeasurable */
export async function alternate(
  sides: readonly Side[],
  options: { readonly rounds: number; readonly warmups?: number; readonly agree?: boolean },
): Promise<SideFigures[]> {
  const { rounds, warmups = 1, agree = true } = options
  const batches = sides.map(side => new Batches(side))
  const bench = new Bench({ time: 0, iterations: 1, warmup: false, retainSamples: true, throws: true })
  for (const batch of batches) {
    bench.add(batch.side.name, () => batch.run(), {
      async: true,
      beforeEach: () => batch.before(),
      afterEach: () => batch.after(),
    })
  }
  for (let round = 0; round < warmups + rounds; round++) {
    // Without a reset tinybench skips tasks that have run once, and answers their old figures.
    bench.reset()
    await bench.run()
    if (round < warmups) continue
    for (const batch of batches) {
      const result = bench.getTask(batch.side.name)?.result
      if (result?.state !== 'completed') throw new Error(`${batch.side.name} did not complete`)
      if (batch.runs !== round + 1)
        throw new Error(`${batch.side.name} ran ${batch.runs} times in ${round + 1} rounds`)
      batch.keep(result.latency.p50 * 1e6)
    }
  }
  if (agree) assertAgreement(batches)
  return batches.map(batch => batch.figures())
}

/** One side with what its batches cost so far. */
class Batches {
  readonly side: Side
  checksum = 0
  runs = 0
  readonly #ns: number[] = []
  readonly #minor: number[] = []
  readonly #major: number[] = []
  readonly #syncs: number[] = []
  #faults: PageFaults = { minor: 0, major: 0 }
  #syncsBefore = 0
  #own: OwnTiming | undefined

  constructor(side: Side) {
    this.side = side
  }

  async before(): Promise<void> {
    await this.side.before?.()
    this.#syncsBefore = this.side.syncs?.() ?? 0
    this.#faults = faultsSoFar()
  }

  async run(): Promise<{ overriddenDuration: number } | undefined> {
    this.runs++
    const answer = await this.side.run(this.side.operations)
    this.#own = typeof answer === 'number' ? undefined : answer
    this.checksum = typeof answer === 'number' ? answer : (answer.checksum ?? 0)
    return this.#own === undefined ? undefined : { overriddenDuration: this.#own.ns / 1e6 }
  }

  async after(): Promise<void> {
    const faults = faultsSoFar()
    const difference = { minor: faults.minor - this.#faults.minor, major: faults.major - this.#faults.major }
    this.#faults = this.#own?.faults ?? difference
    this.#syncsBefore = (this.side.syncs?.() ?? 0) - this.#syncsBefore
    await this.side.after?.()
  }

  keep(ns: number): void {
    this.#ns.push(ns)
    this.#minor.push(this.#faults.minor)
    this.#major.push(this.#faults.major)
    this.#syncs.push(this.#syncsBefore)
  }

  figures(): SideFigures {
    const { name, operations } = this.side
    const note = this.side.note?.()
    return {
      name,
      operations,
      rounds: this.#ns.length,
      nsPerOperation: median(this.#ns) / operations,
      nsPerOperationMin: Math.min(...this.#ns) / operations,
      faults: { minor: median(this.#minor), major: median(this.#major) },
      syncs: median(this.#syncs),
      ...(note === undefined ? {} : { note }),
    }
  }
}

function assertAgreement(batches: readonly Batches[]): void {
  const seen = new Map<number, Batches>()
  for (const batch of batches) {
    const { operations, name } = batch.side
    const other = seen.get(operations)
    if (other === undefined) seen.set(operations, batch)
    else if (other.checksum !== batch.checksum) {
      const both = `${other.side.name} ${other.checksum}, ${name} ${batch.checksum}`
      throw new Error(`The sides did not do the same work, by their checksums: ${both}`)
    }
  }
}

/** Page faults of this process. */
export function faultsSoFar(): PageFaults {
  const { minorPageFault, majorPageFault } = process.resourceUsage()
  return { minor: minorPageFault, major: majorPageFault }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >>> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2
}

/** Figures of single operations that were timed one by one. */
export function figuresOf(name: string, ms: readonly number[]): SideFigures {
  return {
    name,
    operations: ms.length,
    rounds: 1,
    nsPerOperation: median(ms) * 1e6,
    nsPerOperationMin: Math.min(...ms) * 1e6,
    faults: { minor: 0, major: 0 },
    syncs: 0,
  }
}
