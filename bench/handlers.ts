/**
 * Two hundred handlers at once that read, wait and write: each in a transaction of its own (`begin`), beside the same work where
 * the wait comes first and one callback does the rest (`transaction`).
 *
 * `npx tsx bench/handlers.ts [SECONDS]`. The sides alternate, each for a tenth of the seconds at a time. The sum of all balances
 * and the number of transfers that each account counts are checked in the end: a lost update ends the program with an error.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store, StrideError } from 'stridedb'
import { z } from 'zod'

const HANDLERS = 200
const ACCOUNTS = 20_000
const WAIT_MS = 1
const Account = z.object({ balance: z.int32(), transfers: z.uint32() })

interface Side {
  readonly name: string
  readonly transfer: (store: Store<typeof Account>, from: number, to: number) => Promise<boolean>
  done: number
  conflicts: number
  ms: number
}

const sides: readonly Side[] = [
  {
    name: 'begin',
    transfer: async (store, from, to) => {
      using tx = store.begin()
      const [source, target] = [tx.get(from), tx.get(to)]
      await sleep(WAIT_MS)
      if (source === undefined || target === undefined) throw new Error('an account is missing')
      tx.update(from, { balance: source.balance - 1, transfers: source.transfers + 1 })
      tx.update(to, { balance: target.balance + 1, transfers: target.transfers + 1 })
      try {
        await tx.commit()
        return true
      } catch (error) {
        if (error instanceof StrideError && error.code === 'ERR_STRIDE_CONFLICT') return false
        throw error
      }
    },
    done: 0,
    conflicts: 0,
    ms: 0,
  },
  {
    name: 'transaction',
    transfer: async (store, from, to) => {
      await sleep(WAIT_MS)
      await store.transaction(tx => {
        const [source, target] = [tx.get(from), tx.get(to)]
        if (source === undefined || target === undefined) throw new Error('an account is missing')
        tx.update(from, { balance: source.balance - 1, transfers: source.transfers + 1 })
        tx.update(to, { balance: target.balance + 1, transfers: target.transfers + 1 })
      })
      return true
    },
    done: 0,
    conflicts: 0,
    ms: 0,
  },
]

async function run(side: Side, store: Store<typeof Account>, ms: number): Promise<void> {
  const start = performance.now()
  const handler = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const from = Math.floor(Math.random() * ACCOUNTS)
      const to = (from + 1 + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS
      while (!(await side.transfer(store, from, to))) side.conflicts++
      side.done++
    }
  }
  await Promise.all(Array.from({ length: HANDLERS }, handler))
  side.ms += performance.now() - start
}

const seconds = Number(process.argv[2] ?? 20)
const folder = mkdtempSync(join(tmpdir(), 'stridedb-handlers-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const store = openStore(join(folder, 'accounts.stride'), Account)
store.appendMany(Array.from({ length: ACCOUNTS }, () => ({ balance: 100, transfers: 0 })))
await store.commit()
for (const side of sides) await run(side, store, 200)
let warmUp = 0
for (const side of sides) {
  warmUp += side.done
  side.done = side.conflicts = side.ms = 0
}
for (let round = 0; round < 10; round++) {
  for (const side of round % 2 === 0 ? sides : sides.toReversed()) await run(side, store, seconds * 50)
}
const sum = store.gather('balance').reduce((total, each) => total + each, 0)
const transfers = store.gather('transfers').reduce((total, each) => total + each, 0)
const done = warmUp + sides.reduce((total, side) => total + side.done, 0)
if (sum !== ACCOUNTS * 100 || transfers !== done * 2)
  throw new Error(`lost updates: ${sum}, ${transfers} of ${done * 2}`)
const rates = sides.map(side => (side.done / side.ms) * 1000)
for (const [i, { name, done, conflicts }] of sides.entries()) {
  console.log(`${name}: ${Math.round(rates[i] as number)} transfers/s, ${done} in all, ${conflicts} conflicts`)
}
console.log(`begin to transaction: ${((rates[0] as number) / (rates[1] as number)).toFixed(2)}`)
const { openTransactions, versionBytes } = store.stats()
console.log(`afterwards ${openTransactions} transactions open, ${versionBytes} bytes of versions`)
store.close()
