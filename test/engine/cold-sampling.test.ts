/**
 * What could go wrong when a bulk read asks whether pages are cold: each call pays for it however little it reads; a store that has
 * become cold is never noticed; a record outside of the call is asked for.
 */

import { expect, test } from 'vitest'
import { ColdSampling } from '../../src/engine/read/cold-sampling.ts'

/** How many pages a call asks about, and what it answers. */
function ask(sampling: ColdSampling, count: number, eachNs: number, isCold = false): [number, boolean] {
  let asked = 0
  const answer = sampling.seemsCold(count, eachNs, i => {
    expect(Number.isInteger(i) && i >= 0 && i < count, `record ${i} of ${count}`).toBe(true)
    asked++
    return isCold
  })
  return [asked, answer]
}

test('a first call asks for 24 pages, and small ones after warm ones for none', () => {
  const sampling = new ColdSampling()
  expect(ask(sampling, 100, 300)).toEqual([24, false])
  for (let call = 0; call < 3; call++) expect(ask(sampling, 100, 300)).toEqual([0, false])
  // 400 records of 300 ns are 120 us: one sample of 5 us may be taken of 100.
  expect(ask(sampling, 100, 300)).toEqual([1, false])
})

test('what is asked grows with the call, at most to a twentieth of its time', () => {
  const sampling = new ColdSampling()
  ask(sampling, 1000, 15)
  for (const count of [10_000, 50_000, 200_000]) {
    const [asked] = ask(sampling, count, 15)
    expect(asked).toBe(Math.min(24, Math.floor((count * 15) / 20 / 5000)))
  }
})

test('after a cold page each call asks in full until all are warm again', () => {
  const sampling = new ColdSampling()
  ask(sampling, 1000, 300)
  expect(ask(sampling, 1000, 300, true)).toEqual([1, true])
  expect(ask(sampling, 100, 300, true)).toEqual([1, true])
  expect(ask(sampling, 100, 300)).toEqual([24, false])
  expect(ask(sampling, 100, 300)).toEqual([0, false])
})

test('fewer records than samples are each asked for once at most', () => {
  expect(ask(new ColdSampling(), 3, 300)).toEqual([3, false])
  expect(ask(new ColdSampling(), 0, 300)).toEqual([0, false])
})
