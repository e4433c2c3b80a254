/**
 * What could go wrong with open transactions on a failing disk: a refused commit loses what the store has staged, or leaves a part
 * of the transaction there; a failed sync shows half a commit, or leaves a transaction that reads what never was.
 */

import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Platform } from '../../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { type Fault, Faults, failingPlatform } from '../../crash/failing-platform.ts'
import { codeOf } from '../support.ts'

const Account = z.object({ id: z.uint32(), balance: z.int32() })
const PATH = '/accounts.stride'
const indexes = { byId: { on: 'id', unique: true } } as const

const open = (platform: Platform) => openStoreOn(platform, PATH, Account, { indexes, checksums: true })
type Accounts = ReturnType<typeof open>
type Tx = ReturnType<Accounts['begin']>

type Seen = Record<number, number>
const seenBy = (records: Pick<Accounts, 'scan'>): Seen => {
  const seen: Seen = {}
  for (const row of records.scan()) seen[row.number] = row.balance
  return seen
}
const BEFORE: Seen = { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 }
const AFTER: Seen = { 0: 0, 1: 1, 2: 2, 3: 33, 7: 60 }
/** What the store has staged, over the one or the other. */
const staged = (over: Seen): Seen => {
  const seen: Seen = { ...over, 1: 11, 5: 50 }
  delete seen[2]
  return seen
}

interface Scene {
  readonly store: Accounts
  readonly tx: Tx
  readonly older: Tx
}

/** The store has something staged; one transaction has reserved a number before those of the other. */
function scene(platform: Platform): Scene {
  const store = open(platform)
  store.appendMany(Array.from({ length: 5 }, (_, i) => ({ id: i, balance: i })))
  store.commitSync()
  const older = store.begin()
  store.update(1, { balance: 11 })
  store.delete(2)
  store.append({ id: 50, balance: 50 })
  older.append({ id: 70, balance: 70 })
  const tx = store.begin()
  tx.update(3, { balance: 33 })
  tx.delete(4)
  tx.append({ id: 60, balance: 60 })
  return { store, tx, older }
}

describe.each<Fault>(['EIO', 'ENOSPC', 'short'])(
  'a commit of a transaction during which a call fails with %s',
  fault => {
    test.each([false, true])(
      'is whole or not at all, and leaves what the store staged; for ever: %s',
      async forever => {
        const outcomes = new Set<string>()
        for (let at = 1; ; at++) {
          const faults = new Faults()
          const simulated = createSimulatedPlatform()
          const { store, tx, older } = scene(failingPlatform(simulated, faults))
          const row = older.row(3)
          faults.arm({ at, fault, forever })
          const code = codeOf(() => tx.commitSync())
          const isThrough = faults.calls.length < at
          faults.disarm()
          const isSound = codeOf(() => store.begin().rollback()) !== 'ERR_STRIDE_POISONED'
          outcomes.add(`${code} ${isSound}`)
          const context = `call ${at}: ${code}`
          if (code === 'nothing was thrown') {
            expect(seenBy(store), context).toEqual(staged(AFTER))
            expect([seenBy(older), row.balance], context).toEqual([{ ...BEFORE, 6: 70 }, 3])
          } else if (isSound) {
            expect(['ERR_STRIDE_NO_SPACE', 'ERR_STRIDE_IO'], context).toContain(code)
            expect(seenBy(store), context).toEqual(staged(BEFORE))
            expect(seenBy(tx), context).toEqual(AFTER)
            tx.commitSync()
            expect(seenBy(store), context).toEqual(staged(AFTER))
          } else {
            expect(seenBy(store), context).toEqual(BEFORE)
            for (const call of [
              () => tx.get(3),
              () => row.balance,
              () => older.get(3),
              () => tx.append({ id: 9, balance: 9 }),
            ])
              expect(codeOf(call), context).toBe('ERR_STRIDE_CONFLICT')
            expect(
              codeOf(() => store.begin()),
              context,
            ).toBe('ERR_STRIDE_POISONED')
            tx.rollback()
            older.rollback()
          }
          codeOf(() => store.close())
          const again = open(simulated)
          const seen = seenBy(again)
          expect(isSound ? [AFTER] : [BEFORE, AFTER], context).toContainEqual(seen)
          for (const [n, balance] of Object.entries(seen)) {
            const id = balance === 33 ? 3 : balance
            expect(again.index('byId').number(id), context).toBe(Number(n))
          }
          expect((await again.verify()).findings, context).toEqual([])
          again.close()
          if (isThrough) break
        }
        expect(outcomes.size).toBeGreaterThan(1)
      },
    )
  },
)

test('a refused upsert stages nothing, not even the numbers that others reserved', () => {
  const faults = new Faults()
  const store = open(failingPlatform(createSimulatedPlatform(), faults))
  store.append({ id: 0, balance: 0 })
  store.commitSync()
  const { commitNumber } = store
  const tx = store.begin()
  const room = store.stats().capacity
  tx.appendMany(Array.from({ length: room - 1 }, (_, i) => ({ id: i + 1, balance: 0 })))
  faults.arm({ at: 1, fault: 'ENOSPC', forever: true })
  expect(codeOf(() => store.upsert('byId', { id: 0xffff_ffff, balance: 0 }))).toBe('ERR_STRIDE_NO_SPACE')
  faults.disarm()
  expect([store.size, store.count, store.commitSync()]).toEqual([1, 1, commitNumber])
  store.close()
})
