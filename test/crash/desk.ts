/**
 * What an operation has to work with: one thread's handles to the store of accounts, and the changes that it draws.
 *
 *   DK1  a change is acknowledged, dropped, or the desk's owner hears of a violation: none is forgotten.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../../src/errors.ts'
import { ACCOUNTS, type AccountStore, type Change, isAccount, openAccounts } from './accounts.ts'
import type { Random } from './random.ts'

/** Who hears of changes: the model, or the process that has it. */
export interface ChangeObserver {
  /** It is about to be committed. */
  sent?(change: Change): void
  acknowledged(change: Change): void
}

export class Desk {
  readonly path: string
  readonly random: Random
  readonly #observer: ChangeObserver
  /** Names of backups, ids of records: from here on they are this desk's own. */
  #next: number
  /** Ids of records that changes of this desk added. */
  readonly #own: number[] = []
  #writer: AccountStore | undefined
  #isWriting = false
  #reader: AccountStore | undefined
  /** Indexes that an operation is about to drop. */
  readonly dropping = new Set<string>()

  /** @param first the first of a million ids that are this desk's own */
  constructor(path: string, random: Random, first: number, observer: ChangeObserver) {
    this.path = path
    this.random = random
    this.#next = first
    this.#observer = observer
  }

  /** Whether the store is open for writing here. */
  get isWriting(): boolean {
    return this.#isWriting
  }
  /** The store, open for writing; closed where another operation closes it. */
  get writer(): AccountStore {
    if (this.#writer === undefined) throw new Error('no operation that writes runs before the store is open')
    return this.#writer
  }
  /** The store, open for reading; stays open from one operation to the next. */
  get reader(): AccountStore {
    this.#reader ??= openAccounts(this.path, { readOnly: true })
    return this.#reader
  }
  /** Either of them, by turns of chance. */
  get either(): AccountStore {
    return this.isWriting && this.random.chance(0.5) ? this.writer : this.reader
  }

  /** Opens the store for writing, as soon as nobody else has it. */
  async openWriter(): Promise<void> {
    while (!this.#isWriting) {
      try {
        this.#writer = openAccounts(this.path)
        this.#isWriting = true
      } catch (error) {
        if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_BUSY') throw error
        await nextTurn()
      }
    }
  }

  async closeWriter(): Promise<void> {
    this.#isWriting = false
    await this.#writer?.closeAsync()
  }

  close(): void {
    this.#isWriting = false
    this.#writer?.close()
    this.#reader?.close()
    this.#reader = undefined
  }

  /** A number that was not given before. */
  next(): number {
    return this.#next++
  }

  /** Draws a change, and runs `work`, which stages it and says whether it was committed. */
  async change(work: (change: Change, sent: () => void) => Promise<boolean> | boolean): Promise<void> {
    const removed = this.#own.length > 4 ? this.#own.shift() : undefined
    const change = {
      added: this.next(),
      removed,
      from: this.#account(),
      to: this.#account(),
      by: 1 + this.random.below(9),
    }
    let isCommitted = false
    try {
      isCommitted = await work(change, () => this.#observer.sent?.(change))
    } finally {
      if (isCommitted) {
        this.#own.push(change.added)
        this.#observer.acknowledged(change)
      } else if (removed !== undefined) this.#own.push(removed)
    }
  }

  #account(): number {
    for (;;) {
      const id = 1 + this.random.below(ACCOUNTS)
      if (isAccount(id)) return id
    }
  }
}
