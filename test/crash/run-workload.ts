/**
 * Carries out a workload on a simulated disk, beside the model, and records its journey.
 *
 *   W2  where a sync of it is to fail, the run ends with the first call that fails, and the store is closed as far as it can be.
 *   W1  after each step the store answers as the model does, and its commit numbers are those that were promised.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { carryOut, expectSame, stageChange, type Writing } from './apply-change.ts'
import {
  differenceOf,
  ExpectedStore,
  highestNumber,
  isSameState,
  storedRecord,
  type Version,
} from './expected-store.ts'
import { Journey, versionOf } from './journey.ts'
import { closeAnyway } from './mortal-platform.ts'
import {
  hasLateIndex,
  LATE_INDEX,
  openUnderTest,
  SHAPES,
  type Shape,
  type StoreUnderTest,
  stateOf,
  type UnderTestOptions,
} from './store-under-test.ts'
import { SyncFailure } from './sync-failure.ts'
import { during, Violation } from './violation.ts'
import {
  type Change,
  type CommitHow,
  describeWorkload,
  type Start,
  type Step,
  type Workload,
} from './workload.ts'

export const STORE_NAME = 'x.stride'
export const STORE_PATH = `/crash/${STORE_NAME}`

export interface Run {
  readonly workload: Workload
  /** The disk before it began, all durable. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly journey: Journey
  /** How many events came before the first crash point: those of the prelude, or all before the sync that failed. */
  readonly begun: number
  readonly versions: readonly Version[]
  /** Syncs after the prelude. */
  readonly syncs: number
  /** Which of them failed, if one was to. */
  readonly failedSync: number | undefined
}

const FOLD_TURNS = 40

/** Records that a store is made for at once: few, so that growth comes soon. */
const CAPACITY: Readonly<Record<Shape, number>> = { small: 8, wide: 4 }

export function optionsOf({
  shape,
  reuseNumbers,
  durability,
}: Pick<Workload, 'shape' | 'reuseNumbers' | 'durability'>): UnderTestOptions {
  return { capacity: CAPACITY[shape], reuseNumbers, durability }
}

/** @param failing which sync after the prelude fails, counted from 1; closing the store is part of the run then */
export async function runWorkload(workload: Workload, failing?: number): Promise<Run> {
  const { files, version } = await beginning(workload.shape, workload.start)
  const journey = new Journey({ begun: 0, durable: 0, returned: 0, hasLateIndex: false })
  const failure = new SyncFailure(failing ?? 0, journey.observer)
  const platform = createSimulatedPlatform({ files, observer: failure.observer })
  const runner = new Runner(workload, journey, version, failure, () =>
    openUnderTest(platform, STORE_PATH, workload.shape, optionsOf(workload)),
  )
  await runner.run(failing !== undefined)
  const failed = journey.events.findIndex(({ event }) => event.kind.endsWith('-failed'))
  return {
    workload,
    files,
    journey,
    begun: failed < 0 ? runner.begun : failed,
    versions: runner.expected.versions,
    syncs: failure.count,
    failedSync: failed < 0 ? undefined : failing,
  }
}

const beginnings = new Map<string, { files: ReadonlyMap<string, Uint8Array>; version: Version }>()

/** A closed store to begin with, or no files. */
export async function beginning(
  shape: Shape,
  start: Start,
): Promise<{ files: ReadonlyMap<string, Uint8Array>; version: Version }> {
  const empty: Version = { commitNumber: 0, records: [], label: 'empty' }
  if (start === 'nothing') return { files: new Map(), version: empty }
  const key = `${shape} ${start}`
  let made = beginnings.get(key)
  if (made === undefined) {
    const platform = createSimulatedPlatform()
    const changes: Change[] = [{ kind: 'appendMany', count: shape === 'wide' ? 3 : 6 }]
    if (start === 'holes') changes.push({ kind: 'delete', at: 1 }, { kind: 'delete', at: 3 })
    const steps: Step[] = [{ kind: 'commit', changes, how: 'async' }, { kind: 'reopen' }]
    const workload: Workload = {
      shape,
      start: 'nothing',
      reuseNumbers: false,
      durability: 'full',
      prelude: [],
      steps,
    }
    const journey = new Journey({ begun: 0, durable: 0, returned: 0, hasLateIndex: false })
    const open = (): StoreUnderTest => openUnderTest(platform, STORE_PATH, shape, optionsOf(workload))
    const runner = new Runner(workload, journey, empty, new SyncFailure(0, journey.observer), open)
    await runner.run(false)
    made = { files: platform.files(), version: { ...runner.expected.newest, label: 'the beginning' } }
    beginnings.set(key, made)
  }
  return made
}

class Runner {
  readonly expected: ExpectedStore
  readonly #workload: Workload
  readonly #journey: Journey
  readonly #open: () => StoreUnderTest
  readonly #failure: SyncFailure
  #store: StoreUnderTest | undefined
  #stamps: number
  #backups = 0
  begun = 0

  constructor(
    workload: Workload,
    journey: Journey,
    start: Version,
    failure: SyncFailure,
    open: () => StoreUnderTest,
  ) {
    this.#workload = workload
    this.#journey = journey
    this.#open = open
    this.#failure = failure
    this.expected = new ExpectedStore(start, workload.reuseNumbers)
    this.#stamps = highestNumber(start.records, 0)
  }

  get #opened(): StoreUnderTest {
    if (this.#store === undefined) throw new Violation('the workload goes on with a store that did not open')
    return this.#store
  }
  get #fillBytes(): number {
    return SHAPES[this.#workload.shape].fillBytes
  }
  readonly #nextStamp = (): number => ++this.#stamps

  /** `closes`: whether closing is a part of what is recorded. */
  async run(closes: boolean): Promise<void> {
    await during(describeWorkload(this.#workload), async () => {
      try {
        await this.#steps()
        if (!closes) this.#journey.end()
        this.#store?.close()
      } catch (error) {
        this.#failure.assertExplains(error)
        if (this.#store !== undefined) closeAnyway(this.#store)
      }
      this.#journey.end()
    })
  }

  async #steps(): Promise<void> {
    const { prelude, steps } = this.#workload
    if (prelude.length === 0) this.#failure.arm()
    this.#store = this.#open()
    for (const [index, step] of [...prelude, ...steps].entries()) {
      if (index === prelude.length && index > 0) {
        this.begun = this.#journey.events.length
        this.#failure.arm()
      }
      try {
        await this.#take(step)
        this.#compare()
      } catch (error) {
        this.#failure.assertExplains(error)
        // Whoever else waits is told in the same turn.
        await nextTurn()
        throw error
      }
    }
    this.#failure.arm()
  }

  async #take(step: Step): Promise<void> {
    const { expected } = this
    const newest = expected.versions.length - 1
    switch (step.kind) {
      case 'commit':
        await this.#commit(step.changes, step.how)
        return
      case 'together':
        await allOf(step.commits.map(changes => this.#commit(changes, 'async')))
        return
      case 'rollback':
        this.#change(this.#opened, step.changes)
        this.#opened.rollback()
        expected.rollback()
        return
      case 'checkpoint': {
        await this.#beside(this.#opened.checkpoint(), step.meanwhile)
        this.#journey.promise(newest)
        return
      }
      case 'fold':
        await this.#beside(this.#fold(), step.meanwhile)
        return
      case 'flush':
        await this.#opened.flush()
        this.#journey.promise(newest)
        return
      case 'backup':
        await this.#backup(step.meanwhile)
        return
      case 'compact': {
        const version = expected.compact()
        this.#journey.begin(version)
        const compacted = expected.newest
        const store = this.#opened
        try {
          await store.compact()
        } finally {
          compacted.commitNumber = expected.versions[version - 1]?.commitNumber
        }
        expectSame('commitNumber', [store.commitNumber], [compacted.commitNumber ?? -1])
        this.#journey.promise(version)
        return
      }
      case 'index':
        await this.#createOrDrop(step.meanwhile)
        return
      case 'reopen':
        this.#opened.close()
        this.#journey.promise(newest)
        this.#store = undefined
        this.#store = this.#open()
    }
  }

  /** Waits until no index entry is pending; where some cannot be taken over, for some turns. */
  async #fold(): Promise<void> {
    for (let turns = 0; turns < FOLD_TURNS; turns++) {
      await nextTurn()
      if (this.#opened.stats().pendingIndexEntries === 0) return
    }
  }

  /** Commits while something else goes on. */
  async #beside(work: Promise<unknown>, commits: readonly (readonly Change[])[]): Promise<void> {
    const commitAll = async (): Promise<void> => {
      for (const changes of commits) await this.#commit(changes, 'async')
    }
    await allOf([work, commitAll()])
  }

  async #commit(changes: readonly Change[], how: CommitHow): Promise<void> {
    const store = this.#opened
    let version = 0
    const stage = (writing: Writing): void => {
      this.#change(writing, changes, how === 'begin')
      version = this.expected.commit(how)
      this.#journey.begin(version)
    }
    let returned: number
    if (how === 'begin') {
      const dropped = store.begin()
      const [lead, stamp, mark] = [this.#nextStamp(), this.#nextStamp(), this.#nextStamp()]
      dropped.append(storedRecord({ lead, stamp, mark }, this.#fillBytes))
      const transaction = store.begin()
      dropped.rollback()
      stage(transaction)
      returned = await transaction.commit()
    } else if (how === 'transaction') {
      await store.transaction(stage)
      returned = store.commitNumber
    } else {
      stage(store)
      if (how === 'sync') returned = store.commitSync()
      else returned = await store.commit(how === 'process' ? { durability: 'process' } : undefined)
    }
    if (how === 'process' || this.#workload.durability === 'process') this.#journey.acknowledge(version)
    else this.#journey.promise(version)
    const { commitNumber } = this.expected.versions[version] as Version
    if (returned !== commitNumber)
      throw new Violation(`commit number ${returned} was returned, not ${commitNumber}`)
  }

  async #createOrDrop(meanwhile: readonly (readonly Change[])[]): Promise<void> {
    const { name, on } = LATE_INDEX
    const store = this.#opened
    const isThere = hasLateIndex(store)
    this.#journey.lateIndex(undefined)
    await this.#beside(isThere ? store.dropIndex(name) : store.createIndex(name, { on }), meanwhile)
    this.#journey.lateIndex(!isThere)
  }

  async #backup(meanwhile: readonly (readonly Change[])[]): Promise<void> {
    const path = `${STORE_PATH}.backup-${++this.#backups}`
    const file = { path, from: this.expected.versions.length - 1, returnedAt: undefined as number | undefined }
    this.#journey.backups.push(file)
    const backup = this.#opened.backup(path).then(() => {
      file.returnedAt = this.#journey.events.length
    })
    await this.#beside(backup, meanwhile)
  }

  /** @param atEnd whether appended records get numbers at the end, whatever numbers are free */
  #change(writing: Writing, changes: readonly Change[], atEnd = false): void {
    for (const each of changes) {
      const appends = each.kind === 'append' || this.expected.liveNumbers.length === 0
      const change: Change = atEnd && appends ? { kind: 'appendMany', count: 1 } : each
      carryOut(writing, stageChange(this.expected, change, this.#nextStamp), this.#fillBytes)
    }
  }

  /** Compares the running store with the model, and takes it at its word about what is durable. */
  #compare(): void {
    const { expected } = this
    const found = stateOf(this.#opened)
    if (!isSameState(found, expected.records))
      throw new Violation(`the store reads ${differenceOf(found, expected.records)}`)
    const { commitNumber, durableCommitNumber } = this.#opened
    expectSame('commitNumber', [commitNumber], [expected.newest.commitNumber ?? -1])
    const durable = versionOf(expected.versions, durableCommitNumber)
    if (durable < 0 && durableCommitNumber > (expected.versions[0]?.commitNumber ?? 0)) {
      throw new Violation(`durableCommitNumber is ${durableCommitNumber}, which no commit had`)
    }
    if (durable >= 0) this.#journey.promise(durable)
  }
}

/** Waits for all of them. @throws what one of them found wrong, or else the first error: all may be refused after a failed sync */
async function allOf(calls: readonly Promise<unknown>[]): Promise<void> {
  const errors = (await Promise.allSettled(calls)).flatMap(end =>
    end.status === 'rejected' ? [end.reason] : [],
  )
  if (errors.length > 0) throw errors.find(error => error instanceof Violation) ?? errors[0]
}
