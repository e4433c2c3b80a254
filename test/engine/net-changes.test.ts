/**
 * What could go wrong with the changes of many commits, grouped by record: one is lost or counts twice, or their order changes.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grouped, numbersBelow } from '../../src/engine/numbers/sort-changes.ts'
import { allSteps } from '../../src/engine/steps/steps.ts'
import { runSeed } from '../crash/random.ts'

const seed = runSeed()

/** The groups of a list whose values are the positions in it. */
function groupsOf(list: readonly number[], bound: number): [number, readonly number[]][] {
  const numbers = numbersBelow(bound, list.length)
  numbers.set(list)
  const found = allSteps(grouped({ numbers, values: Float64Array.from(list.keys()) }, bound))
  const firstOf = (i: number): number => found.firsts?.[i] ?? i
  return Array.from(found.numbers, (n, i) => [n, [...found.values.subarray(firstOf(i), firstOf(i + 1))]])
}

describe.each([
  ['of few records', 1000],
  ['of as many as 32 bits count', 2 ** 32],
  ['of more', 2 ** 52],
])('changes grouped by record, %s', (_, bound) => {
  const list = fc.array(
    fc.oneof(
      fc.nat(20),
      fc.nat(999).map(n => bound - 1 - n),
      fc.integer({ min: 0, max: bound - 1 }),
    ),
    { maxLength: 60 },
  )

  test('are each in the group of its record, in the order of the list', () => {
    fc.assert(
      fc.property(list, changes => {
        const expected = [...new Set(changes)]
          .sort((a, b) => a - b)
          .map(n => [n, [...changes.keys()].filter(i => changes[i] === n)])
        expect(groupsOf(changes, bound)).toEqual(expected)
      }),
      { seed },
    )
  })
})

test('a million changes are sorted in many steps', () => {
  const count = 1_000_000
  // Each number twice, the later ones in falling order.
  const numbers = Uint32Array.from({ length: count }, (_, i) => (i < count / 2 ? i : count - 1 - i))
  const steps = grouped({ numbers, values: Uint32Array.from(numbers.keys()) }, count)
  let stepCount = 0
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) stepCount++
  const found = step.value
  let isRight = found.numbers.length === count / 2
  for (let i = 0; i < count / 2; i++) {
    if (
      found.numbers[i] !== i ||
      found.values[2 * i] !== i ||
      found.values[2 * i + 1] !== count - 1 - i ||
      found.firsts?.[i] !== 2 * i
    )
      isRight = false
  }
  expect(isRight).toBe(true)
  expect(stepCount).toBeGreaterThan(100)
})
