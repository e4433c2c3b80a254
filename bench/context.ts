/**
 * What every benchmark is told: where its files lie, how much work it does, and the seed of its numbers.
 *
 * How its answers are measured: measure.ts. How they are printed: report.ts. Who builds the files: fixtures.ts.
 */

import { join } from 'node:path'
import type { FixtureName } from './fixtures.ts'
import type { Row } from './row.ts'

export interface Context {
  /** Where the fixtures are and where a benchmark may write; removed when all is done. */
  readonly folder: string
  /** Tiny inputs, one round, no target judged. */
  readonly isSmoke: boolean
  /** Fewer rounds over the full inputs. */
  readonly isQuick: boolean
  readonly seed: number
  /** How many records the stores of `large` have (`--records`). */
  readonly records?: readonly number[]
}

/** One question with its rows. Each runs in a process of its own, so that none warms or spoils another. */
export interface Benchmark {
  readonly name: string
  readonly question: string
  /** Files that must be there before its process starts. */
  readonly needs: readonly FixtureName[]
  /** Runs only where it is named: it takes much time or room. */
  readonly isAskedFor?: boolean
  /** Left out of `--quick` unless it is named. */
  readonly isSlow?: boolean
  run(context: Context): AsyncIterable<Row>
}

/** Records of the usual store. */
export function recordCount(context: Context): number {
  return sized(context, 1_000_000, 2_000)
}

/** The full figure, or the tiny one of a smoke run. */
export function sized(context: Context, full: number, smoke: number): number {
  return context.isSmoke ? smoke : full
}

const QUICK_ROUNDS = 3

/** How many rounds a comparison takes in this run. */
export function roundsOf(
  { isSmoke, isQuick }: Context,
  wanted: { readonly rounds: number; readonly warmups?: number },
): { readonly rounds: number; readonly warmups: number } {
  const { rounds, warmups = 2 } = wanted
  if (isSmoke) return { rounds: 1, warmups: 0 }
  if (isQuick) return { rounds: Math.min(rounds, QUICK_ROUNDS), warmups: Math.min(warmups, 1) }
  return { rounds, warmups }
}

/** Why other stores are not compared in this run; undefined where they are. Filling them takes minutes. */
export function whyNoPeers({ isSmoke, isQuick }: Context): string | undefined {
  return isSmoke || isQuick ? 'other stores are compared without --smoke and --quick' : undefined
}

export function fixturePath(context: Context, name: FixtureName): string {
  return join(context.folder, `${name}.stride`)
}
