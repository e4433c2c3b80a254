/**
 * What could go wrong with the net change of many commits: an older image wins, a record counts twice.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allSteps } from '../../src/engine/file/steps.ts'
import { numbersBelow, oneOfEach } from '../../src/engine/journal/sort-changes.ts'
import { runSeed } from '../crash/random.ts'

const seed = runSeed()

/** Which entry of the list stands for each of its numbers. */
function entriesOf(list: readonly number[], bound: number, which: 'last' | 'first') {
  const numbers = numbersBelow(bound, list.length)
  numbers.set(list)
  const found = allSteps(oneOfEach({ numbers, values: Float64Array.from(list.keys()) }, bound, which))
  return { numbers: [...found.numbers], entries: [...found.values] }
}

describe.each([
  ['of few records', 1000],
  ['of as many as 32 bits count', 2 ** 32],
  ['of more', 2 ** 52],
])('one change of each record, %s', (_, bound) => {
  const list = fc.array(
    fc.oneof(
      fc.nat(20),
      fc.nat(999).map(n => bound - 1 - n),
      fc.integer({ min: 0, max: bound - 1 }),
    ),
    { maxLength: 60 },
  )

  test.each(['last', 'first'] as const)('is the %s one', which => {
    fc.assert(
      fc.property(list, changes => {
        const expected = [...new Set(changes)].sort((a, b) => a - b)
        const entries = expected.map(n => (which === 'last' ? changes.lastIndexOf(n) : changes.indexOf(n)))
        expect(entriesOf(changes, bound, which)).toEqual({ numbers: expected, entries })
      }),
      { seed },
    )
  })
})

test('a million changes are sorted in many steps', () => {
  const count = 1_000_000
  // Each number twice, the later ones in falling order.
  const numbers = Uint32Array.from({ length: count }, (_, i) => (i < count / 2 ? i : count - 1 - i))
  const steps = oneOfEach({ numbers, values: Uint32Array.from(numbers.keys()) }, count, 'last')
  let stepCount = 0
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) stepCount++
  const found = step.value
  let isRight = found.numbers.length === count / 2
  for (let i = 0; i < count / 2; i++) {
    if (found.numbers[i] !== i || found.values[i] !== count - 1 - i) isRight = false
  }
  expect(isRight).toBe(true)
  expect(stepCount).toBeGreaterThan(100)
})
