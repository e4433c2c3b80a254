/**
 * A store whose platform may fail, beside its model: what was asked of it, what it acknowledged, what it refused.
 *
 * A change that is refused is not in the model either. A commit that is refused leaves its changes staged there, as the
 * contract says of what is known before a frame is written.
 */

import { StrideError } from '../../src/errors.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { carryOut, stageChange, type Writing } from './apply-change.ts'
import { ExpectedStore, highestNumber, type Rec, type Version } from './expected-store.ts'
import { optionsOf } from './run-workload.ts'
import {
  LATE_INDEX,
  openUnderTest,
  type ReplayTime,
  SHAPES,
  type Shape,
  type StoreUnderTest,
} from './store-under-test.ts'
import type { Change, CommitHow } from './workload.ts'

export type WholeCall = 'checkpoint' | 'flush' | 'compact' | 'backup' | 'createIndex' | 'dropIndex'

export class Subject {
  readonly expected: ExpectedStore
  readonly path: string
  readonly shape: Shape
  readonly #platform: Platform
  #store: StoreUnderTest | undefined
  /** What was thrown, in order. */
  readonly errors: unknown[] = []
  /** Calls that failed and must succeed once nothing fails any more. */
  readonly failedCalls: WholeCall[] = []
  /** States that reads may show instead of the model's, where the contract leaves it open. */
  readonly alternatives: (readonly (Rec | undefined)[])[] = []
  /** The newest version that was acknowledged, and the newest that was asked for. */
  acknowledged = 0
  begun = 0
  /** Whether the index that comes and goes is there; undefined where a call that failed leaves it open. */
  hasLateIndex: boolean | undefined = false
  #stamps: number

  constructor(platform: Platform, path: string, shape: Shape, start: Version) {
    this.#platform = platform
    this.path = path
    this.shape = shape
    this.expected = new ExpectedStore(start, false)
    this.#stamps = highestNumber(start.records, 0)
  }

  get isOpen(): boolean {
    return this.#store !== undefined
  }
  /** After a compaction that took the new file and could not open it there is nothing to go on with. */
  get closedItself(): boolean {
    return this.failedCalls.includes('compact') && isClosed(this.store)
  }
  get store(): StoreUnderTest {
    if (this.#store === undefined) throw new Error('The scenario asks a store that is not open')
    return this.#store
  }

  open(replays: ReplayTime = 'atOnce'): void {
    const options = optionsOf({ shape: this.shape, reuseNumbers: false, durability: 'full' })
    this.#store = openUnderTest(this.#platform, this.path, this.shape, options, replays)
  }
  close(): void {
    const store = this.store
    this.#store = undefined
    store.close()
  }

  /** Does something that may fail. @returns whether it did not */
  async attempt(work: () => unknown): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.errors.push(error)
      return false
    }
  }

  async commit(changes: readonly Change[], how: CommitHow = 'async'): Promise<void> {
    if (!this.isOpen) return
    if (how === 'transaction') return this.#transaction(changes)
    for (const change of changes) await this.attempt(() => this.#stage(change, this.store))
    const version = this.#begin()
    await this.attempt(async () => {
      if (how === 'sync') this.store.commitSync()
      else await this.store.commit(how === 'process' ? { durability: 'process' } : undefined)
      this.acknowledged = Math.max(this.acknowledged, version)
    })
  }

  async #transaction(changes: readonly Change[]): Promise<void> {
    const before = [...this.expected.records]
    let version: number | undefined
    const isDone = await this.attempt(async () => {
      await this.store.transaction(tx => {
        for (const change of changes) this.#stage(change, tx)
        version = this.#begin()
      })
      this.acknowledged = Math.max(this.acknowledged, version ?? 0)
    })
    if (isDone) return
    // Refused at a change it is undone; whether a refused commit leaves it staged is the store's choice.
    if (version !== undefined) this.alternatives.push(this.expected.records)
    this.expected.records = before
  }

  async call(name: WholeCall): Promise<void> {
    if (!this.isOpen) return
    const { records } = this.expected
    const isDone = await this.attempt(async () => {
      if (name === 'backup') await this.store.backup(`${this.path}.backup`)
      else if (name === 'compact') await this.#compact()
      else if (name === 'createIndex' || name === 'dropIndex') await this.#lateIndex(name)
      else await this.store[name]()
    })
    if (isDone) return
    this.failedCalls.push(name)
    if (name !== 'compact') return
    this.alternatives.push(this.expected.records)
    this.expected.records = records
  }

  async #compact(): Promise<void> {
    const version = this.expected.compact()
    this.begun = version
    await this.store.compact()
    this.acknowledged = version
  }

  async #lateIndex(name: 'createIndex' | 'dropIndex'): Promise<void> {
    this.hasLateIndex = undefined
    if (name === 'dropIndex') await this.store.dropIndex(LATE_INDEX.name)
    else await this.store.createIndex(LATE_INDEX.name, { on: LATE_INDEX.on })
    this.hasLateIndex = name === 'createIndex'
  }

  #stage(change: Change, writing: Writing): void {
    const before = [...this.expected.records]
    try {
      carryOut(
        writing,
        stageChange(this.expected, change, () => ++this.#stamps),
        SHAPES[this.shape].fillBytes,
      )
    } catch (error) {
      this.expected.records = before
      throw error
    }
  }

  #begin(): number {
    this.begun = this.expected.commit('commit')
    return this.begun
  }
}

function isClosed(store: StoreUnderTest): boolean {
  try {
    store.has(0)
    return false
  } catch (error) {
    return error instanceof StrideError && error.code === 'ERR_STRIDE_CLOSED'
  }
}
