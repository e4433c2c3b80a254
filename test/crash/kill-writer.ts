/**
 * The process that is killed: carries a numbered history on, and says each commit that returned in a line of its own.
 *
 * Arguments: path, backend, seed of the history, seed of this life; 'full' where all commits are to be durable.
 */

import { writeSync } from 'node:fs'
import { carryOut } from './apply-change.ts'
import { NumberedHistory } from './numbered-history.ts'
import { seededRandom } from './random.ts'
import { openOnDisk, SHAPES, type StoreUnderTest } from './store-under-test.ts'

const [path = '', backend = '', seed = '', life = '', only] = process.argv.slice(2)
const history = new NumberedHistory(Number(seed))
const random = seededRandom(Number(life))
const store = openOnDisk(path, 'small', { backend: backend as 'mapped' | 'file', reuseNumbers: true })
say(store.commitNumber)

for (let next = store.commitNumber + 1; ; ) {
  const roll = random.below(20)
  if (roll < 7) {
    stage(next)
    say(store.commitSync())
    next++
  } else if (roll < 12) {
    stage(next)
    say(await store.commit({ durability: random.chance(0.3) && only !== 'full' ? 'process' : 'full' }))
    next++
  } else if (roll < 17) {
    const first = next
    next += 2 + random.below(6)
    const commits = Array.from({ length: next - first }, (_, i) => {
      stage(first + i)
      return store.commit().then(say)
    })
    await Promise.all(commits)
  } else if (roll < 18) {
    await store.transaction(tx => stage(next, tx))
    say(next)
    next++
  } else if (roll < 19) {
    stage(next)
    store.rollback()
  } else {
    void store.checkpoint()
  }
}

function stage(
  k: number,
  writing: Pick<StoreUnderTest, 'append' | 'appendMany' | 'update' | 'put' | 'delete'> = store,
): void {
  for (const staged of history.changesOf(k)) carryOut(writing, staged, SHAPES.small.fillBytes)
}

function say(commitNumber: number): void {
  for (;;) {
    try {
      writeSync(1, `${commitNumber}\n`)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
