/**
 * Whether a figure is what was promised (docs/performance.md). Smoke runs judge nothing.
 */

import type { Context } from './context.ts'
import { median, quantile } from './quantile.ts'
import type { SideFigures, Target } from './row.ts'

/** The time of one side in times of another; undefined where one of them was not measured. */
export function ratio(sides: readonly SideFigures[], of: string, to: string): number | undefined {
  const upper = sides.find(side => side.name === of)
  const lower = sides.find(side => side.name === to)
  return upper === undefined || lower === undefined ? undefined : ratioOf(upper, lower).median
}

export interface Ratio {
  readonly median: number
  /** The middle half of the rounds' ratios lies between these. */
  readonly from: number
  readonly to: number
}

/** The ratios of the rounds. Where single operations were timed, the median is that of their medians. */
export function ratioOf(upper: SideFigures, lower: SideFigures): Ratio {
  const ratios = upper.ns.map((ns, round) => ns / (lower.ns[round] ?? Number.NaN))
  const isOfSingles = upper.percentiles !== undefined && lower.percentiles !== undefined
  return {
    median: isOfSingles ? upper.nsPerOperation / lower.nsPerOperation : median(ratios),
    from: quantile(ratios, 0.25),
    to: quantile(ratios, 0.75),
  }
}

/** Nanoseconds per operation of a side. */
export function nsOf(sides: readonly SideFigures[], name: string): number | undefined {
  return sides.find(side => side.name === name)?.nsPerOperation
}

export function atLeast(
  context: Context,
  text: string,
  figure: number | undefined,
  bound: number,
  unit: string,
): Target {
  return judged(context, `at least ${text}`, figure, figure !== undefined && figure >= bound, unit)
}

export function atMost(
  context: Context,
  text: string,
  figure: number | undefined,
  bound: number,
  unit: string,
): Target {
  return judged(context, `at most ${text}`, figure, figure !== undefined && figure <= bound, unit)
}

function judged(
  context: Context,
  text: string,
  figure: number | undefined,
  isMet: boolean,
  unit: string,
): Target {
  if (figure === undefined) return { text, figure: 'a side was not measured', isMet: undefined }
  return { text, figure: `${format(figure)} ${unit}`, isMet: context.isSmoke ? undefined : isMet }
}

function format(figure: number): string {
  return Math.abs(figure) >= 100 ? figure.toFixed(0) : figure.toFixed(2)
}
