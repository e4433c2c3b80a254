/**
 * How does a store of `large` compare with the smallest one? One target for each larger store.
 */

import type { Context } from './context.ts'
import type { SideFigures, Target } from './row.ts'
import { atLeast, atMost, ratio } from './targets.ts'

/** The sides of one row, of which each is a store. */
type Labels = readonly { readonly label: string }[]

/** What an operation may cost, as a multiple of what it costs in the smallest store. */
export function againstSmallest(
  context: Context,
  figures: readonly SideFigures[],
  [smallest, ...larger]: Labels,
  bound: number,
): Target[] {
  return larger.map(({ label }) => {
    const times = ratio(figures, label, smallest?.label ?? '')
    return atMost(context, `${bound} times the smallest store, ${label}`, times, bound, 'times')
  })
}

/** What its rate must be, as a part of the smallest store's. `rateOf`: that ratio for a larger store. */
export function rateAgainstSmallest(
  context: Context,
  [, ...larger]: Labels,
  bound: number,
  rateOf: (label: string) => number | undefined,
): Target[] {
  return larger.map(({ label }) =>
    atLeast(context, `${bound} times the smallest store's rate, ${label}`, rateOf(label), bound, 'times'),
  )
}
