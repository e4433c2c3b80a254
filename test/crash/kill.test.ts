/**
 * What could go wrong: a process is killed in the middle of anything, and a commit that it was told of is lost, another
 * one is there in part, the next opener is locked out, or a reader beside it sees what was never committed.
 * Rules of docs/durability.md: D1; of docs/concurrency.md: S1, S2.
 */

import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BACKENDS, isWindows, temporaryFolder } from '../engine/support.ts'
import { bundle, removeBundles } from './bundle.ts'
import { killAgainAndAgain } from './kill.ts'
import { runSeed } from './random.ts'

const seed = runSeed()
afterAll(removeBundles)
/** Starting a process takes seconds where Windows is Wine. */
const KILLS = isWindows ? 20 : 50
const TIMEOUT_MS = isWindows ? 300_000 : 60_000

describe.each(BACKENDS)('a store on the $name backend', ({ name }) => {
  test(
    `holds what its commit number says after each of ${KILLS} kills, and a reader beside it sees nothing else`,
    async () => {
      const path = join(temporaryFolder(), 'killed.stride')
      const [writer, reader] = await Promise.all([bundle('kill-writer.ts'), bundle('kill-reader.ts')])
      const backend = name as 'mapped' | 'file'
      const tally = await killAgainAndAgain({ path, backend, kills: KILLS, seed, writer, reader })
      expect(tally.working).toBeGreaterThan(KILLS / 4)
      expect(tally.reader.reads).toBeGreaterThan(KILLS)
      expect(tally.reader.commits).toBeGreaterThan(1)
    },
    TIMEOUT_MS,
  )
})
