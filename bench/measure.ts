/**
 * How the sides of a comparison are measured: the one place where a benchmark is made fair.
 *
 *   BR1  Each round runs every side once. The order of the sides is rotated from round to round.
 *   BR2  Each round has random input of its own, made from its seed outside the clock. All sides of a round get the same input.
 *   BR3  Directly before a side is timed, either it runs the same pass once untimed ('same pass'), or the CPU caches are
 *        evicted ('CPU caches evicted'). All sides of a row are treated alike, C and other stores included.
 *   BR4  Sides that do the same work must answer the same checksum in every round, or there are no figures.
 *   BR5  Preparing, cleaning up, and counting page faults, syncs and written bytes happen outside the clock.
 *   BR6  A figure is the median over the counted rounds. A ratio is taken within each round, then the median of those.
 *
 * What a row consists of: row.ts. Whether a figure is good enough: targets.ts. How it is printed: report.ts.
 */

import { type Context, roundsOf } from './context.ts'
import { evictCpuCaches } from './cpu-caches.ts'
import { median } from './quantile.ts'
import { roundSeed } from './random.ts'
import { type PageFaults, percentilesOf, type SideFigures, type Warming } from './row.ts'
import { type Written, writtenSoFar } from './written.ts'

interface SideFacts {
  readonly name: string
  /** Operations in a pass; figures are per operation. */
  readonly operations: number
  /** Before and after each pass, untimed ones included, outside the clock. */
  before?(): void | Promise<void>
  after?(): void | Promise<void>
  /** Syncs so far; the difference over a pass is printed. Read before `after`. */
  syncs?(): number
  /** One more column, asked after the last round. */
  note?(): string
}

type Answer = number | OwnTiming

/** A pass that timed itself, because it ran in a process of its own. */
export interface OwnTiming {
  readonly ns: number
}

/**
 * One side of a comparison over inputs of type I.
 *
 * `turn` is another number in each pass of the whole run: what a pass writes must not be there already.
 */
export type Side<I = undefined> = SideFacts &
  (
    | {
        /** Does a pass. @returns a checksum of what it saw, or its own timing */
        run(input: I, operations: number, turn: number): Answer | Promise<Answer>
      }
    | {
        /** Does operation i of a pass. Each is timed by itself, so that the figures have percentiles. */
        each(input: I, i: number, turn: number): unknown
      }
  )

export interface Comparison<I> {
  readonly sides: readonly Side<I>[]
  /** Counted rounds. `--quick` takes fewer, `--smoke` one. */
  readonly rounds: number
  /** Rounds before the counted ones: the compiler has seen every side then. 2 unless given. */
  readonly warmups?: number
  /** The input of a round. */
  readonly input?: (seed: number) => I
  readonly warming?: Warming
  /** Whether the checksums of sides with equally many operations must be equal. */
  readonly agree?: boolean
}

/** A round that must not be counted, because what it promised was not so: no cold cache, say. */
export class NotMeasurable extends Error {
  override readonly name = 'NotMeasurable'
}

/** Measures the sides against each other. @throws NotMeasurable where a side says so */
export async function alternate<I = undefined>(
  context: Context,
  comparison: Comparison<I>,
): Promise<SideFigures[]> {
  const { warming = 'same pass', agree = true } = comparison
  const { warmups, rounds } = roundsOf(context, comparison)
  const measured = comparison.sides.map(side => new Measured(side, context.folder))
  // What a smoke run measures counts for nothing, and half a gigabyte is much to write.
  const evict = warming === 'CPU caches evicted' && !context.isSmoke ? evictCpuCaches : undefined
  let turn = 0
  for (let round = 0; round < warmups + rounds; round++) {
    const input = comparison.input?.(roundSeed(context.seed, round)) as I
    for (const side of rotated(measured, round)) {
      if (warming === 'same pass') await side.pass(input, ++turn)
      await side.pass(input, ++turn, evict)
      if (round >= warmups) side.keep()
    }
    if (agree) assertAgreement(measured)
  }
  return measured.map(side => side.figures(warming))
}

function rotated<T>(values: readonly T[], by: number): T[] {
  const first = by % Math.max(values.length, 1)
  return [...values.slice(first), ...values.slice(0, first)]
}

/** What one pass cost. */
interface Pass {
  readonly ns: number
  readonly checksum: number
  readonly latencies: readonly number[]
  /** Processor time of all threads. */
  readonly cpuNs: number
  readonly faults: PageFaults
  readonly syncs: number
  readonly written: Written
}

/** One side with its last pass and with those that count. */
class Measured<I> {
  readonly side: Side<I>
  readonly #folder: string
  last: Pass | undefined
  readonly #kept: Pass[] = []

  constructor(side: Side<I>, folder: string) {
    this.side = side
    this.#folder = folder
  }

  /** @param prepare runs between `before` and the clock */
  async pass(input: I, turn: number, prepare?: () => void): Promise<void> {
    const { side } = this
    await side.before?.()
    prepare?.()
    const syncs = side.syncs?.() ?? 0
    const faults = faultsSoFar()
    const written = writtenSoFar(this.#folder)
    const cpu = process.cpuUsage()
    const timed = 'run' in side ? await timeRun(side, input, turn) : await timeEach(side, input, turn)
    const { user, system } = process.cpuUsage(cpu)
    const faultsAfter = faultsSoFar()
    const writtenAfter = writtenSoFar(this.#folder)
    this.last = {
      ...timed,
      cpuNs: (user + system) * 1e3,
      faults: { minor: faultsAfter.minor - faults.minor, major: faultsAfter.major - faults.major },
      syncs: (side.syncs?.() ?? 0) - syncs,
      written: {
        byProcess: writtenAfter.byProcess - written.byProcess,
        toDisk: writtenAfter.toDisk - written.toDisk,
      },
    }
    await side.after?.()
  }

  /** Counts the last pass. */
  keep(): void {
    if (this.last !== undefined) this.#kept.push(this.last)
  }

  figures(warming: Warming): SideFigures {
    const { name, operations } = this.side
    const kept = this.#kept
    const ns = kept.map(pass => pass.ns / operations)
    const note = this.side.note?.()
    const latencies = kept.flatMap(pass => pass.latencies)
    const percentiles = latencies.length === 0 ? undefined : percentilesOf(latencies)
    return {
      name,
      operations,
      rounds: kept.length,
      warming,
      ns,
      nsPerOperation: percentiles?.p50 ?? median(ns),
      nsPerOperationMin: Math.min(...ns),
      cpuNsPerOperation: median(kept.map(pass => pass.cpuNs)) / operations,
      faults: {
        minor: median(kept.map(pass => pass.faults.minor)),
        major: median(kept.map(pass => pass.faults.major)),
      },
      syncs: median(kept.map(pass => pass.syncs)),
      written: {
        byProcess: median(kept.map(pass => pass.written.byProcess)),
        // What other processes write comes on top: the least of the rounds has the least of it.
        toDisk: Math.min(...kept.map(pass => pass.written.toDisk)),
      },
      ...(percentiles === undefined ? {} : { percentiles }),
      ...(note === undefined ? {} : { note }),
    }
  }
}

type Timed = Pick<Pass, 'ns' | 'checksum' | 'latencies'>

async function timeRun<I>(side: Extract<Side<I>, { run: unknown }>, input: I, turn: number): Promise<Timed> {
  const began = performance.now()
  const answer = side.run(input, side.operations, turn)
  // Waiting for a number would cost a turn of the microtask queue.
  const result = answer instanceof Promise ? await answer : answer
  const ns = (performance.now() - began) * 1e6
  if (typeof result === 'number') return { ns, checksum: result, latencies: [] }
  return { ns: result.ns, checksum: 0, latencies: [] }
}

async function timeEach<I>(side: Extract<Side<I>, { each: unknown }>, input: I, turn: number): Promise<Timed> {
  const latencies: number[] = []
  for (let i = 0; i < side.operations; i++) {
    const began = performance.now()
    const answer = side.each(input, i, turn)
    if (answer instanceof Promise) await answer
    latencies.push((performance.now() - began) * 1e6)
  }
  return { ns: latencies.reduce((sum, ns) => sum + ns, 0), checksum: 0, latencies }
}

function assertAgreement(measured: readonly Pick<Measured<never>, 'side' | 'last'>[]): void {
  const seen = new Map<number, { readonly name: string; readonly checksum: number }>()
  for (const { side, last } of measured) {
    const { operations, name } = side
    const checksum = last?.checksum ?? Number.NaN
    const other = seen.get(operations)
    if (other === undefined) seen.set(operations, { name, checksum })
    else if (other.checksum !== checksum) {
      const both = `${other.name} ${other.checksum}, ${name} ${checksum}`
      throw new Error(`The sides did not do the same work, by their checksums: ${both}`)
    }
  }
}

/** Page faults of this process. */
export function faultsSoFar(): PageFaults {
  const { minorPageFault, majorPageFault } = process.resourceUsage()
  return { minor: minorPageFault, major: majorPageFault }
}
