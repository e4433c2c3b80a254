/**
 * Transactions of `begin()` in a random life: one with changes of its own beside what the store has staged, compared with a model of
 * its own, and committed or rolled back; another one may leave a gap of reserved numbers.
 */

import type { Life } from './life.ts'
import { expectSame, LifeModel, type LifeStore } from './life-model.ts'
import type { Image } from './life-records.ts'

type Tx = LifeStore & { commit(): Promise<number>; commitSync(): number; rollback(): void }

/** Stages changes, of records that the store has not staged, in the transaction and in its model. */
function change(life: Life, tx: Tx, own: LifeModel): ReadonlySet<number> {
  const { random, records, model } = life
  const changed = new Set<number>()
  const isFree = (n: number): boolean => model.staged[n] === model.committed[n]
  for (let i = random.below(6); i > 0; i--) {
    const n = own.pickLive(random)
    const kind = random.below(5)
    if (n < 0 || kind <= 1) {
      const record = records.draw(random)
      const appended = tx.append(record)
      while (own.staged.length < appended) own.staged.push(undefined)
      expectSame('the number of a transaction’s append', appended, own.staged.length)
      own.staged.push(records.imageOf(record))
      changed.add(appended)
      continue
    }
    if (!isFree(n)) continue
    changed.add(n)
    if (kind === 2) {
      expectSame('delete of a transaction', tx.delete(n), true)
      own.staged[n] = undefined
    } else if (kind === 3) {
      const record = records.draw(random, own.staged[n]?.id)
      expectSame('upsert of a transaction', tx.upsert('byId' as never, record as never).number, n)
      own.staged[n] = records.imageOf(record)
    } else {
      const some = records.drawChange(random)
      tx.update(n, some)
      own.staged[n] = records.patched(own.staged[n] as Image, some)
    }
  }
  return changed
}

/** Begins a transaction, and ends it. */
export async function concurrentTransaction(life: Life): Promise<void> {
  const { store, model, records, random } = life
  const own = new LifeModel(records)
  own.staged = [...model.committed]
  const before = random.chance(0.3) ? (store.begin() as unknown as Tx) : undefined
  if (before !== undefined) before.append(records.draw(random))
  const tx = store.begin() as unknown as Tx
  const changed = change(life, tx, own)
  own.expectAll(tx)
  if (random.chance(0.3)) {
    tx.rollback()
    before?.rollback()
    return
  }
  if (random.chance(0.5)) tx.commitSync()
  else await tx.commit()
  before?.rollback()
  if (changed.size === 0) return
  const { staged } = model
  // What was appended and deleted, and numbers in between, are used up.
  model.committed = own.staged
  while (staged.length < own.staged.length) staged.push(undefined)
  for (const n of changed) staged[n] = own.staged[n]
}
