/**
 * What could go wrong: a sync fails, the store is opened again, believes what the system still shows of it, and then the power goes.
 * Rules of docs/durability.md: D1, D2, D5.
 */

import { describe, expect, test } from 'vitest'
import { runSeed } from './random.ts'
import { searchPowerCuts } from './search.ts'

const seed = runSeed()

describe('a loss of power after a failed sync', () => {
  test.each([
    ['small', 2500],
    ['long', 500],
  ] as const)('leaves one whole commit, %s workloads, %i disks', async (kind, images) => {
    const tally = await searchPowerCuts({ seed, kind, images, failingSyncs: true })
    expect(tally.failedSyncs).toBeGreaterThanOrEqual(images)
    expect(tally.replayed).toBeGreaterThan(images / 10)
  })
})
