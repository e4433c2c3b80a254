/**
 * One change, made to the model and to a store alike.
 *
 * The model says first what the change comes to (which record number, which record); the store is then asked for
 * exactly that, and what it answers is compared.
 */

import { type ExpectedStore, type Rec, storedRecord } from './expected-store.ts'
import type { StoreUnderTest } from './store-under-test.ts'
import { Violation } from './violation.ts'
import type { Change } from './workload.ts'

/** The store's writing names; a transaction has them too. */
export type Writing = Pick<StoreUnderTest, 'append' | 'appendMany' | 'update' | 'put' | 'delete'>

/** What a change came to. */
export type Staged =
  | { readonly kind: 'append'; readonly n: number; readonly record: Rec }
  | { readonly kind: 'appendMany'; readonly n: number; readonly records: readonly Rec[] }
  | { readonly kind: 'update'; readonly n: number; readonly change: Pick<Rec, 'lead'> | Pick<Rec, 'mark'> }
  | { readonly kind: 'put'; readonly n: number; readonly record: Rec }
  | { readonly kind: 'delete'; readonly n: number }

/** Stages a change in the model. Where no record is live, a change of one becomes an append. */
export function stageChange(expected: ExpectedStore, change: Change, nextStamp: () => number): Staged {
  const { records } = expected
  if (change.kind !== 'appendMany' || change.count > 0) expected.touch()
  const newRecord = (): Rec => ({ stamp: nextStamp(), mark: nextStamp(), lead: nextStamp() })
  if (change.kind === 'appendMany') {
    const staged = {
      kind: change.kind,
      n: records.length,
      records: Array.from({ length: change.count }, newRecord),
    }
    records.push(...staged.records)
    return staged
  }
  const live = change.kind === 'append' ? [] : expected.liveNumbers
  const n = change.kind === 'append' ? undefined : live[change.at % Math.max(1, live.length)]
  if (change.kind === 'append' || n === undefined) {
    const staged = { kind: 'append', n: expected.nextNumber, record: newRecord() } as const
    records[staged.n] = staged.record
    return staged
  }
  switch (change.kind) {
    case 'update': {
      const given = nextStamp()
      const change = given % 2 === 0 ? { mark: given } : { lead: given }
      records[n] = { ...(records[n] as Rec), ...change }
      return { kind: 'update', n, change }
    }
    case 'put': {
      const record = newRecord()
      records[n] = record
      return { kind: 'put', n, record }
    }
    case 'delete':
      records[n] = undefined
      return { kind: 'delete', n }
  }
}

/** Asks the store for the same. @throws Violation where it answers otherwise */
export function carryOut(writing: Writing, staged: Staged, fillBytes: number): void {
  switch (staged.kind) {
    case 'append':
      expectSame('append', [writing.append(storedRecord(staged.record, fillBytes))], [staged.n])
      return
    case 'appendMany': {
      const { first, count } = writing.appendMany(staged.records.map(record => storedRecord(record, fillBytes)))
      expectSame('appendMany', [first, count], [staged.n, staged.records.length])
      return
    }
    case 'update':
      writing.update(staged.n, staged.change)
      return
    case 'put':
      writing.put(staged.n, storedRecord(staged.record, fillBytes))
      return
    case 'delete':
      if (!writing.delete(staged.n)) throw new Violation(`delete(${staged.n}) found no record`)
  }
}

/** @throws Violation where the numbers differ */
export function expectSame(what: string, found: readonly number[], expected: readonly number[]): void {
  if (found.join() !== expected.join()) throw new Violation(`${what} answered ${found}, not ${expected}`)
}
