/**
 * The process that is killed amid transactions of `begin()`: some in flight at once, some that leave gaps of reserved numbers, beside
 * what the store itself has staged. Arguments: path, backend, seed; a line says each commit that returned.
 */

import { writeSync } from 'node:fs'
import { openStore } from '../../src/index.ts'
import { ACCOUNT_OPTIONS, Account, accountsAtFirst, stepOf } from './concurrent-accounts.ts'
import { seededRandom } from './random.ts'

const [path = '', backend = '', seed = ''] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const store = openStore(path, Account, { ...ACCOUNT_OPTIONS, backend: backend as 'mapped' | 'file' })
if (store.commitNumber === 0) {
  store.appendMany(accountsAtFirst())
  store.commitSync()
}
say(store.commitNumber)

const held: ReturnType<typeof store.begin>[] = []
let others = 0
const other = () => ({ id: 1_000_000 + others++, balance: 0 })

for (let next = store.commitNumber + 1; ; ) {
  const flying: Promise<void>[] = []
  for (let i = 1 + random.below(4); i > 0; i--, next++) {
    if (random.chance(0.4)) held.push(store.begin())
    if (random.chance(0.4)) held.at(-1)?.append(other())
    if (random.chance(0.3)) store.append(other())
    const tx = store.begin()
    const { from, to, receipt, outdated } = stepOf(next)
    const numberOf = (id: number): number => tx.index('byId').number(id)
    const move = (id: number, by: number): void => {
      const n = numberOf(id)
      tx.update(n, { balance: tx.field(n, 'balance') + by })
    }
    move(from, -1)
    move(to, 1)
    tx.upsert('byId', { id: receipt, balance: 0 })
    tx.index('byId').delete(outdated)
    if (random.chance(0.3)) say(tx.commitSync({ durability: 'full' }))
    else flying.push(tx.commit({ durability: random.chance(0.5) ? 'process' : 'full' }).then(say))
    if (random.chance(0.3)) held.splice(random.below(held.length), 1)[0]?.rollback()
    if (random.chance(0.3)) store.rollback()
  }
  await Promise.all(flying)
  if (random.chance(0.05)) await store.checkpoint()
  if (random.chance(0.02)) {
    store.rollback()
    held.length = 0
    await store.compact()
  }
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
