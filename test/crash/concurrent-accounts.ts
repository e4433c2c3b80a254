/**
 * Accounts of which each commit number says everything: what the transactions of concurrent-writer.ts leave, however they were
 * staged and wherever their process was killed.
 */

import { z } from 'zod'

export const Account = z.object({ id: z.uint32(), balance: z.int32() })
export const ACCOUNT_OPTIONS = {
  checksums: true,
  reuseNumbers: true,
  journalBytes: 64 * 1024,
  indexes: { byId: { on: 'id', unique: true }, byBalance: { on: 'balance', kind: 'ordered' } },
} as const

export const ACCOUNTS = 20
/** A commit appends a receipt, and deletes the one of so many commits before. */
const RECEIPTS = 5

/** The commit that made the accounts. */
export const FIRST = 1
export const accountsAtFirst = () => Array.from({ length: ACCOUNTS }, (_, id) => ({ id, balance: 100 }))

/** What one commit does. */
export const stepOf = (commit: number) => ({
  from: (commit * 7) % ACCOUNTS,
  to: (commit * 11 + 1) % ACCOUNTS,
  receipt: 1000 + commit,
  outdated: 1000 + commit - RECEIPTS,
})

/** What there is after a commit: balances by id. */
export function accountsAt(commit: number): ReadonlyMap<number, number> {
  const balances = new Map(accountsAtFirst().map(({ id, balance }) => [id, balance]))
  for (let c = FIRST + 1; c <= commit; c++) {
    const { from, to, receipt, outdated } = stepOf(c)
    balances.set(from, (balances.get(from) as number) - 1)
    balances.set(to, (balances.get(to) as number) + 1)
    balances.set(receipt, 0)
    balances.delete(outdated)
  }
  return balances
}
