/**
 * What could go wrong: a process is killed in the middle of two operations at once, of compact or of an index that is created, and
 * what it acknowledged is lost, a change is there in part, or a reader beside it fails. Rules: MK1 and MK2 of mixed-kills.ts.
 */

import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isWindows, temporaryFolder } from '../engine/support.ts'
import { bundle, removeBundles } from './bundle.ts'
import { killMixedWork } from './mixed-kills.ts'
import { runSeed } from './random.ts'

const seed = runSeed()
afterAll(removeBundles)
const KILLS = 6

test.skipIf(isWindows)(
  `holds what was acknowledged after each of ${KILLS} kills during mixed operations`,
  async () => {
    const path = join(temporaryFolder(), 'mixed.stride')
    const child = await bundle('mixed-child.ts')
    const { acknowledged } = await killMixedWork({ path, seed, kills: KILLS, readers: 2, child })
    expect(acknowledged).toBeGreaterThan(KILLS)
  },
)
