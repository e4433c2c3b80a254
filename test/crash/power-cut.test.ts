/**
 * What could go wrong: the power goes, and an acknowledged commit is lost, half of one is there, the store does not
 * open, or opens and cannot go on; or it goes again while the store recovers.
 * Rules of docs/durability.md: D1, D2, D3, D4, D6, D9.
 */

import { describe, expect, test } from 'vitest'
import { runSeed } from './random.ts'
import { searchPowerCuts } from './search.ts'

const seed = runSeed()

describe('a loss of power', () => {
  test('leaves one whole commit in each of 6,000 disks that small workloads may leave', async () => {
    const tally = await searchPowerCuts({ seed, kind: 'small', images: 6000 })
    expect(tally.images).toBeGreaterThanOrEqual(6000)
    expect(tally.secondImages).toBeGreaterThan(300)
    expect(Math.min(tally.replayed, tally.dropped)).toBeGreaterThan(0)
  })

  test('leaves one whole commit in each of 2,000 disks that longer workloads may leave', async () => {
    const tally = await searchPowerCuts({ seed, kind: 'long', images: 2000 })
    expect(tally.images).toBeGreaterThanOrEqual(2000)
  })
})
