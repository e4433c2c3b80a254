/**
 * What could go wrong on a real file system when the power goes: a commit was acknowledged although its bytes, or the
 * file's size or name, were not on the device yet.
 * Rules of docs/durability.md: D1, D2.
 */

import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'
import { bundle, removeBundles } from './bundle.ts'
import { cutLoopDevice } from './loop-cut.ts'
import { whyNoMounts } from './mounts.ts'
import { runSeed } from './random.ts'

const seed = runSeed()
afterAll(removeBundles)
const why = whyNoMounts('ext4')
const CUTS = 12

if (why !== undefined) {
  test.skip(`SKIPPED, power cuts of ext4 on a loop device: ${why}`, () => undefined)
} else {
  test.each(['mapped', 'file'] as const)(
    `ext4 keeps each acknowledged commit through ${CUTS} power cuts, on the %s backend`,
    async backend => {
      const writer = await bundle('kill-writer.ts')
      const tally = await cutLoopDevice({ folder: temporaryFolder(), backend, cuts: CUTS, seed, writer })
      expect(tally.cuts).toBe(CUTS)
      expect(tally.commits).toBeGreaterThan(CUTS)
      expect(tally.replayed).toBeGreaterThan(0)
    },
  )
}
