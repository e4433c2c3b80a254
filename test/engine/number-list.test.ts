/**
 * A list of record numbers that grows. What could go wrong: a number is lost where it grows; doubles stay, or numbers are compared as
 * texts. A Set ends at 2^24 numbers, so one of them is tried: `index.all` of a key that so many records share.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NumberList } from '../../src/engine/numbers/number-list.ts'

test('gives what came, in order or each once and rising', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 ** 32 - 2 }), { maxLength: 200 }), numbers => {
      const list = new NumberList()
      for (const n of numbers) list.push(n)
      expect(Array.from(list.toArray())).toEqual(numbers)
      expect(Array.from(list.toSet())).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    }),
  )
})

test('holds more numbers than a Set', () => {
  const count = 2 ** 24 + 10
  const list = new NumberList()
  for (let n = 0; n < count; n++) list.push(n)
  list.push(count - 1)
  const numbers = list.toSet()
  expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([count, 0, count - 1])
})
