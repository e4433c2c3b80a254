/**
 * A process that commits without pause: `node busy-writer.mjs PATH PAUSE_MS JOURNAL_BYTES`. It says "ready" and ends with its
 * standard input.
 *
 * At every commit the amounts of all records sum up to the same, each record's text says its amount, `version` of record 0 is the
 * commit's, and records are appended (with amount 0), deleted (when their amount is 0) and, for the others, moved in the ordered
 * index.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { openStore } from '../../src/engine/open.ts'
import { ascii } from '../../src/schema/entry.ts'

export const Account = z.object({
  id: z.uint32(),
  amount: z.int32(),
  text: ascii(16),
  version: z.uint32(),
})
export const ACCOUNTS = 4500
export const INDEXES = {
  byId: { on: 'id', unique: true },
  byAmount: { on: 'amount', kind: 'ordered' },
} as const

export function account(id: number, amount: number): z.output<typeof Account> {
  return { id, amount, text: `has ${amount}`, version: 0 }
}

const [path, pauseMs, journalBytes] = process.argv.slice(2)
if (path !== undefined && pauseMs !== undefined && journalBytes !== undefined) {
  const store = openStore(path, Account, { indexes: INDEXES, journalBytes: Number(journalBytes) })
  let seed = 12345
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  let isOver = false
  process.stdin.on('close', () => {
    isOver = true
  })
  process.stdin.resume()
  for (let round = 1; !isOver; round++) {
    for (let i = 0; i < 20; i++) {
      const from = random(ACCOUNTS)
      const to = random(ACCOUNTS)
      if (from === to) continue
      const moved = random(100)
      const less = store.field(from, 'amount') - moved
      const more = store.field(to, 'amount') + moved
      store.update(from, { amount: less, text: `has ${less}` })
      store.update(to, { amount: more, text: `has ${more}` })
    }
    store.update(0, { version: round })
    store.append(account(ACCOUNTS + round, 0))
    if (round > 3 && round % 2 === 0) store.delete(ACCOUNTS + round - 3)
    await store.commit()
    if (round === 1) process.stdout.write('ready\n')
    await sleep(Number(pauseMs))
  }
  store.close()
}
