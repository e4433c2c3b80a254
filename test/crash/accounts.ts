/**
 * Accounts: the store that operations are tried on beside each other, and the model that says what it must hold.
 *
 *   AC1  each change moves an amount between two accounts, adds a record with an id of its own, and removes an earlier one: the
 *        sum stays, and a change that is lost, or there twice, shows.
 *   AC2  changes commute: the state follows from the acknowledged ones, whatever their order.
 *   AC3  each record proves itself: `proof` follows from `id` and `amount`, which are stored together.
 */

import { z } from 'zod'
import { openStore } from '../../src/engine/open.ts'
import type { StoreOptions } from '../../src/engine/opening/options.ts'
import { Violation } from './violation.ts'

export const Account = z.object({ id: z.uint32(), amount: z.int32(), proof: z.int32() })
const INDEXES = {
  byId: { on: 'id', unique: true },
  byAmount: { on: 'amount', kind: 'ordered' },
} as const

export const ACCOUNTS = 1000
const FIRST_AMOUNT = 100

export interface Change {
  /** The id of the record that comes with it. */
  readonly added: number
  /** The id of an earlier such record, which goes. */
  readonly removed: number | undefined
  readonly from: number
  readonly to: number
  readonly by: number
}

export const openAccounts = (path: string, options: StoreOptions = {}) =>
  openStore(path, Account, {
    checksums: true,
    reuseNumbers: true,
    journalBytes: 64 * 1024,
    ...(options.readOnly === true ? {} : { indexes: INDEXES }),
    ...options,
  }) as ReturnType<typeof openIndexed>
const openIndexed = (path: string) => openStore(path, Account, { indexes: INDEXES })
export type AccountStore = ReturnType<typeof openIndexed>

/** What changes are staged in: the store, or a transaction over it. */
type Writing = Pick<AccountStore, 'append' | 'update' | 'delete' | 'field' | 'index'>

/** Each seventh is deleted, so that there is something to compact. */
export const isAccount = (id: number): boolean => id > 0 && id <= ACCOUNTS && id % 7 !== 0

/** A new store with every account, closed again. */
export function createAccounts(path: string): void {
  const store = openAccounts(path)
  fillWithAccounts(store)
  store.close()
}

/** Commits every account to an empty store. */
export function fillWithAccounts(store: AccountStore): void {
  store.appendMany(Array.from({ length: ACCOUNTS }, (_, i) => proven(i + 1, FIRST_AMOUNT)))
  for (let n = 0; n < ACCOUNTS; n++) if (!isAccount(n + 1)) store.delete(n)
  store.commitSync()
}

/** Stages the whole change, in one turn. */
export function stage(writing: Writing, { added, removed, from, to, by }: Change): void {
  const byId = writing.index('byId')
  const move = (id: number, amount: number): void => {
    const n = byId.number(id)
    writing.update(n, proven(id, writing.field(n, 'amount') + amount))
  }
  move(from, -by)
  move(to, by)
  writing.append(proven(added, 0))
  if (removed !== undefined && !writing.delete(byId.number(removed))) {
    throw new Violation(`the record ${removed} is not there to be deleted`)
  }
}

/** What the store must hold. */
export class Ledger {
  readonly #amounts = new Map<number, number>()

  constructor() {
    for (let id = 1; id <= ACCOUNTS; id++) if (isAccount(id)) this.#amounts.set(id, FIRST_AMOUNT)
  }

  /** @param change one that was acknowledged */
  apply({ added, removed, from, to, by }: Change): void {
    this.#move(from, -by)
    this.#move(to, by)
    this.#amounts.set(added, 0)
    if (removed !== undefined) this.#amounts.delete(removed)
  }

  /** @throws Violation where the store holds anything else; by its records, and by its indexes */
  compare(store: AccountStore): void {
    const difference = this.differenceOf(store)
    if (difference !== undefined) throw new Violation(difference)
  }

  /** What the store holds otherwise, in words; undefined where nothing. */
  differenceOf(store: AccountStore): string | undefined {
    return store.read(() => {
      const found = checkedState(store)
      for (const [id, amount] of this.#amounts) {
        if (found.get(id) !== amount)
          return `${id} holds ${found.get(id)}, and the acknowledged changes say ${amount}`
      }
      if (found.size === this.#amounts.size) return undefined
      const ids = [...found.keys()].filter(id => !this.#amounts.has(id))
      return `records that no acknowledged change added, or that one removed: ${ids.slice(0, 5)}`
    })
  }

  #move(id: number, by: number): void {
    this.#amounts.set(id, (this.#amounts.get(id) ?? 0) + by)
  }
}

/** Looks at every record and every index entry, within one `read`. @throws Violation @returns amounts by id */
export function checkedState(store: Pick<AccountStore, 'gather' | 'index'>): Map<number, number> {
  const [ids, amounts, proofs] = (['id', 'amount', 'proof'] as const).map(name => store.gather(name))
  const found = new Map<number, number>()
  for (let i = 0; i < (ids?.length ?? 0); i++) {
    const [id, amount] = [Number(ids?.[i]), Number(amounts?.[i])]
    if (proofs?.[i] !== proven(id, amount).proof)
      throw new Violation(`the record of ${id} is torn: ${amount}, ${proofs?.[i]}`)
    if (found.has(id)) throw new Violation(`${id} is there twice`)
    found.set(id, amount)
  }
  const numbers = store.index('byId').numbers([...found.keys()])
  if (numbers.includes(-1)) throw new Violation('the unique index does not find every record')
  const walked = store.index('byAmount').range({}).numbers()
  if (walked.length !== found.size || new Set(walked).size !== found.size)
    throw new Violation(`the ordered index has ${walked.length} entries for ${found.size} records`)
  checkSum(amounts as Int32Array)
  return found
}

/** @param amounts of all accounts, as one state has them */
export function checkSum(amounts: ArrayLike<number>): void {
  let sum = 0
  for (let i = 0; i < amounts.length; i++) sum += amounts[i] as number
  const expected = FIRST_AMOUNT * (ACCOUNTS - Math.floor(ACCOUNTS / 7))
  if (sum !== expected) throw new Violation(`the sum is ${sum}, not ${expected}`)
}

/** @throws Violation where it does not prove itself */
export function checkRecord(record: z.output<typeof Account>): void {
  const { id, amount, proof } = record
  if (proof !== proven(id, amount).proof)
    throw new Violation(`the record of ${id} is torn: ${amount}, ${proof}`)
}

function proven(id: number, amount: number): z.output<typeof Account> {
  return { id, amount, proof: (Math.imul(id, 0x9e3779b1) ^ amount) | 0 }
}
