/**
 * What could go wrong where one segment of the journal ends: the next one is not where recovery looks for it, and
 * commits that were acknowledged are dropped without a word.
 *
 * So many commits, one by one, that the next ones, in one turn of the event loop, begin at any place of either segment;
 * then the process dies.
 * Rules of docs/durability.md: D2.
 */

import { expect, test } from 'vitest'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { STORE_PATH } from './run-workload.ts'
import { openUnderTest, SHAPES, type StoreUnderTest } from './store-under-test.ts'

const RECORDS = 6
/** Each takes a block of its own: more than both segments hold. */
const COMMITS_MAX = 70
const fill = new Uint8Array(SHAPES.small.fillBytes)

async function lostAfter(commits: number, together: number): Promise<number> {
  const platform = createSimulatedPlatform()
  const open = (place: typeof platform): StoreUnderTest =>
    openUnderTest(place, STORE_PATH, 'small', { capacity: RECORDS })
  const store = open(platform)
  for (let n = 0; n < RECORDS; n++) store.append({ lead: 0, stamp: n, mark: 0, fill })
  store.commitSync()
  for (let i = 0; i < commits; i++) {
    store.update(i % RECORDS, { mark: i })
    store.commitSync()
  }
  const group = Array.from({ length: together }, (_, i) => {
    store.update(i % RECORDS, { mark: commits + i })
    return store.commit()
  })
  await Promise.all(group)
  const acknowledged = store.durableCommitNumber
  const left = open(createSimulatedPlatform({ files: platform.files() }))
  const lost = acknowledged - left.commitNumber
  left.close()
  store.close()
  return lost
}

test.each([1, 2, 8])(
  'a killed process loses none of %i commits, wherever in the journal they begin',
  async together => {
    const lost: string[] = []
    for (let commits = 0; commits < COMMITS_MAX; commits++) {
      const count = await lostAfter(commits, together)
      if (count !== 0) lost.push(`${count} after ${commits}`)
    }
    expect(lost).toEqual([])
  },
)
