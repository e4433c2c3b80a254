/**
 * What could go wrong: a tail that loses records, or gives them again, where the file is replaced, and where the writer is killed in the
 * middle of that; a consumer whose position is not what was done when its process died. Rules: TK1 to TK3 of tail-kills.ts.
 */

import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isWindows, temporaryFolder } from '../engine/support.ts'
import { bundle, type Mutation, removeBundles } from './bundle.ts'
import { runSeed } from './random.ts'
import { killTailed } from './tail-kills.ts'
import { Violation } from './violation.ts'

const seed = runSeed()
afterAll(removeBundles)

const SMALL = {
  seed,
  appends: 30_000,
  compacts: 6,
  migrations: 2,
  kills: 6,
  followerKills: 6,
  batch: 500,
  pauseMs: 20,
}
const newPath = () => join(temporaryFolder(), 'log.stride')

/** Engines that lose records, or give them again. */
const BROKEN: readonly Mutation[] = [
  {
    name: 'positions stay as they are through compact',
    file: 'src/engine/maintenance/compact.ts',
    find: 'LiveCounts.ofMoved(moved).below(position)',
    replace: 'position',
  },
  {
    name: 'done moves nothing',
    file: 'src/engine/tail/consumer.ts',
    find: 'position > (this.#file.position(this.#place, identity) ?? -1)',
    replace: 'position < 0',
  },
  {
    name: 'a batch is done when it is given',
    file: 'src/engine/tail/tail.ts',
    find: 'yield { ...batchOf(found), done }',
    replace: 'await done(); yield { ...batchOf(found), done }',
  },
]

describe.skipIf(isWindows)('three followers, one slow and one killed', () => {
  test('see each record in order, through compacts, migrations and killed writers', async () => {
    const child = await bundle('tail-child.ts')
    const tally = await killTailed({ ...SMALL, path: newPath(), child })
    expect(tally).toMatchObject({ records: 30_000, compacts: 6, migrations: 2, writersKilled: 6 })
    expect(tally.followersKilled).toBeGreaterThan(1)
    expect(tally.again).toBeGreaterThan(0)
  })

  test.each(BROKEN)('notice an engine in which $name', async mutation => {
    const child = await bundle('tail-child.ts', [mutation])
    await expect(killTailed({ ...SMALL, path: newPath(), child })).rejects.toThrow(Violation)
  })
})
