/**
 * Cuts the power of a real file system: ext4 on a loop device over a file, which is copied while a process commits.
 *
 *   L1  a commit that was acknowledged before the copy began is in the copy, whole, and so are those before it.
 *   L2  the copy opens as a store that holds what its commit number says, reads and recovers.
 * The writer is stopped, not asked, while the copy is made: what its system calls still write meanwhile may be in it or
 * not, as after a loss of power, but no place is used again that the copy has read already.
 */

import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyClean } from './check-image.ts'
import { differenceOf, isSameState } from './expected-store.ts'
import { makeExt4, mountImage, mountTmpfs, unmountUnder } from './mounts.ts'
import { NumberedHistory } from './numbered-history.ts'
import { seededRandom } from './random.ts'
import { openOnDisk, stateOf } from './store-under-test.ts'
import { during, Violation } from './violation.ts'
import { type CommittingWriter, startWriter } from './writer-process.ts'

export interface LoopCuts {
  /** An empty folder, to be mounted in. */
  readonly folder: string
  readonly backend: 'mapped' | 'file'
  readonly cuts: number
  readonly seed: number
  /** Bundle of kill-writer.ts. */
  readonly writer: string
}

export interface LoopTally {
  /** Cuts of a store that held commits. */
  readonly cuts: number
  /** Commits that were acknowledged at durability 'full' in all. */
  readonly commits: number
  /** Cuts after which opening replayed commits. */
  readonly replayed: number
}

const MIB = 1024 * 1024
const EXT4_BYTES = 64 * MIB
const NAME = 'x.stride'

/** @throws Violation with the seed */
export async function cutLoopDevice(options: LoopCuts): Promise<LoopTally> {
  const { folder, backend, seed, cuts } = options
  const random = seededRandom(seed, 2)
  const history = new NumberedHistory(seed)
  const memory = join(folder, 'memory')
  const image = join(memory, 'image')
  const live = join(folder, 'live')
  const path = join(live, NAME)
  let writer: CommittingWriter | undefined
  const tally = { cuts: 0, commits: 0, replayed: 0 }
  try {
    // One image and one copy of it.
    mountTmpfs(memory, 2 * EXT4_BYTES + 4 * MIB)
    makeExt4(image, EXT4_BYTES)
    mountImage(image, live)
    mkdirSync(join(folder, 'cut'))
    openOnDisk(path, 'small', { backend }).close()
    await during(`seed ${seed}, ${backend} backend`, async () => {
      for (let cut = 1; cut <= cuts; cut++) {
        // One in five cuts hits a writer that opens.
        if (writer === undefined || cut % 5 === 0) {
          await writer?.kill()
          writer = startWriter(options.writer, [path, backend, String(seed), String(seed + cut), 'full'])
        }
        const wanted = writer.acknowledged + 1 + random.below(20)
        if (cut % 5 !== 0) await writer.reached(wanted)
        await sleep(random.below(20))
        writer.stop()
        // What it said before it stopped is read now.
        await sleep(1)
        const { acknowledged } = writer
        const copy = join(memory, 'copy')
        copyFileSync(image, copy)
        writer.goOn()
        tally.cuts++
        tally.commits = Math.max(tally.commits, acknowledged)
        const replayed = await during(`cut ${cut}`, () => look(options, copy, history, acknowledged))
        if (replayed > 0) tally.replayed++
        rmSync(copy)
      }
    })
    return tally
  } finally {
    await writer?.kill()
    unmountUnder(folder)
  }
}

/** Mounts a copy, and looks at the store in it. @returns how many commits were replayed */
async function look(
  { folder, backend }: LoopCuts,
  copy: string,
  history: NumberedHistory,
  acknowledged: number,
): Promise<number> {
  const place = join(folder, 'cut', String(Math.random()).slice(2))
  mountImage(copy, place)
  try {
    let seen = -1
    let replayed = 0
    for (const readOnly of [true, false]) {
      await during(readOnly ? 'read-only' : 'for writing', async () => {
        const store = openOnDisk(join(place, NAME), 'small', { backend, readOnly, reuseNumbers: true })
        try {
          const { commitNumber } = store
          if (commitNumber < acknowledged)
            throw new Violation(`commit ${acknowledged} returned before the cut, but ${commitNumber} is there`)
          const found = stateOf(store)
          const expected = history.stateAfter(commitNumber)
          if (!isSameState(found, expected))
            throw new Violation(`commit ${commitNumber} is not whole: ${differenceOf(found, expected)}`)
          if (!readOnly) {
            await verifyClean(store)
            replayed = store.recovery.commitsReplayed
            if (commitNumber !== seen)
              throw new Violation(`a reader saw commit ${seen}, recovery made it ${commitNumber}`)
          }
          seen = commitNumber
        } finally {
          store.close()
        }
      })
    }
    return replayed
  } finally {
    unmountUnder(place)
  }
}
