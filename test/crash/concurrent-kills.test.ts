/**
 * What could go wrong: a process is killed amid transactions of `begin()`, and one of them is there in part, one that returned is
 * lost, numbers in a gap are records, or an index finds what is not there.
 */

import { join } from 'node:path'
import { openStore } from 'stridedb'
import { afterAll, describe, expect, test } from 'vitest'
import { BACKENDS, isWindows, temporaryFolder } from '../engine/support.ts'
import { bundle, removeBundles } from './bundle.ts'
import { ACCOUNT_OPTIONS, Account, accountsAt } from './concurrent-accounts.ts'
import { runSeed, seededRandom } from './random.ts'
import { startWriter } from './writer-process.ts'

const seed = runSeed()
afterAll(removeBundles)
const KILLS = isWindows ? 5 : 15

describe.each(BACKENDS)('transactions on the $name backend', ({ name, options }) => {
  test(`are whole after each of ${KILLS} kills`, { timeout: isWindows ? 300_000 : 120_000 }, async () => {
    const random = seededRandom(seed)
    const path = join(temporaryFolder(), 'killed.stride')
    const writer = await bundle('concurrent-writer.ts')
    let last = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const running = startWriter(writer, [path, name, String(seed + kill)])
      await running.reached(last + 1 + random.below(60))
      const { acknowledged } = running
      await running.kill()
      const context = `seed ${seed}, kill ${kill}`
      const store = openStore(path, Account, { ...ACCOUNT_OPTIONS, ...options })
      try {
        last = store.commitNumber
        expect(last, context).toBeGreaterThanOrEqual(acknowledged)
        const expected = accountsAt(last)
        const found = new Map(Array.from(store, ({ id, balance }) => [id, balance]))
        expect(found, context).toEqual(expected)
        expect(store.count, context).toBe(expected.size)
        for (const row of store.scan()) expect(store.index('byId').number(row.id), context).toBe(row.number)
        expect(store.index('byBalance').range().numbers().length, context).toBe(expected.size)
        expect((await store.verify()).findings, context).toEqual([])
      } finally {
        store.close()
      }
    }
  })
})
