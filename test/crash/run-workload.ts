/**
 * Carries out a workload on a simulated disk, beside the model, and records its journey.
 *
 *   W1  after each step the store answers as the model does, and its commit numbers are those that were promised.
 */

import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { carryOut, expectSame, stageChange, type Writing } from './apply-change.ts'
import { differenceOf, ExpectedStore, isSameState, type Version } from './expected-store.ts'
import { Journey, versionOf } from './journey.ts'
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
import { during, Violation } from './violation.ts'
import { type Change, describeWorkload, type Start, type Step, type Workload } from './workload.ts'

export const STORE_NAME = 'x.stride'
export const STORE_PATH = `/crash/${STORE_NAME}`

export interface Run {
  readonly workload: Workload
  /** The disk before it began, all durable. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly journey: Journey
  /** How many events the prelude took. */
  readonly begun: number
  readonly versions: readonly Version[]
}

/** Records that a store is made for at once: few, so that growth comes soon. */
const CAPACITY: Readonly<Record<Shape, number>> = { small: 8, wide: 4 }

export function optionsOf({
  shape,
  reuseNumbers,
  durability,
}: Pick<Workload, 'shape' | 'reuseNumbers' | 'durability'>): UnderTestOptions {
  return { capacity: CAPACITY[shape], reuseNumbers, durability }
}

export async function runWorkload(workload: Workload): Promise<Run> {
  const { files, version } = await beginning(workload.shape, workload.start)
  const journey = new Journey({ begun: 0, durable: 0, returned: 0, hasLateIndex: false })
  const platform = createSimulatedPlatform({ files, observer: journey.observer })
  const runner = new Runner(workload, journey, version, () =>
    openUnderTest(platform, STORE_PATH, workload.shape, optionsOf(workload)),
  )
  await runner.run()
  return { workload, files, journey, begun: runner.begun, versions: runner.expected.versions }
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
    const runner = new Runner(workload, journey, empty, open)
    await runner.run()
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
  #store: StoreUnderTest
  #stamps: number
  #backups = 0
  begun = 0

  constructor(workload: Workload, journey: Journey, start: Version, open: () => StoreUnderTest) {
    this.#workload = workload
    this.#journey = journey
    this.#open = open
    this.expected = new ExpectedStore(start, workload.reuseNumbers)
    this.#stamps = start.records.reduce(
      (most, record) => Math.max(most, record?.stamp ?? 0, record?.mark ?? 0),
      0,
    )
    this.#store = open()
  }

  get #fillBytes(): number {
    return SHAPES[this.#workload.shape].fillBytes
  }
  readonly #nextStamp = (): number => ++this.#stamps

  async run(): Promise<void> {
    await during(describeWorkload(this.#workload), async () => {
      const { prelude, steps } = this.#workload
      for (const [index, step] of [...prelude, ...steps].entries()) {
        if (index === prelude.length && index > 0) this.begun = this.#journey.events.length
        await during(`step ${index + 1}, ${step.kind}`, async () => {
          await this.#take(step)
          this.#compare()
        })
      }
      this.#journey.end()
      this.#store.close()
    })
  }

  async #take(step: Step): Promise<void> {
    const { expected } = this
    const newest = expected.versions.length - 1
    switch (step.kind) {
      case 'commit':
        await this.#commit(step.changes, step.how)
        return
      case 'together':
        await Promise.all(step.commits.map(changes => this.#commit(changes, 'async')))
        return
      case 'rollback':
        this.#change(this.#store, step.changes)
        this.#store.rollback()
        expected.rollback()
        return
      case 'checkpoint': {
        const checkpoint = this.#store.checkpoint()
        for (const changes of step.meanwhile) await this.#commit(changes, 'async')
        await checkpoint
        this.#journey.promise(newest)
        return
      }
      case 'flush':
        await this.#store.flush()
        this.#journey.promise(newest)
        return
      case 'backup':
        await this.#backup(step.meanwhile)
        return
      case 'compact': {
        const version = expected.compact()
        this.#journey.begin(version)
        await this.#store.compact()
        const compacted = expected.newest
        compacted.commitNumber = this.#store.commitNumber
        this.#journey.promise(version)
        return
      }
      case 'index':
        await this.#createOrDrop(step.meanwhile)
        return
      case 'reopen':
        this.#store.close()
        this.#journey.promise(newest)
        this.#store = this.#open()
    }
  }

  async #commit(changes: readonly Change[], how: 'async' | 'sync' | 'process' | 'transaction'): Promise<void> {
    const store = this.#store
    let version = 0
    const stage = (writing: Writing): void => {
      this.#change(writing, changes)
      version = this.expected.commit(how)
      this.#journey.begin(version)
    }
    let returned: number
    if (how === 'transaction') {
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
    const isThere = hasLateIndex(this.#store)
    this.#journey.lateIndex(undefined)
    const work = isThere ? this.#store.dropIndex(name) : this.#store.createIndex(name, { on })
    for (const changes of meanwhile) await this.#commit(changes, 'async')
    await work
    this.#journey.lateIndex(!isThere)
  }

  async #backup(meanwhile: readonly (readonly Change[])[]): Promise<void> {
    const path = `${STORE_PATH}.backup-${++this.#backups}`
    const file = { path, from: this.expected.versions.length - 1, returnedAt: undefined as number | undefined }
    this.#journey.backups.push(file)
    const backup = this.#store.backup(path).then(() => {
      file.returnedAt = this.#journey.events.length
    })
    for (const changes of meanwhile) await this.#commit(changes, 'async')
    await backup
  }

  #change(writing: Writing, changes: readonly Change[]): void {
    for (const change of changes)
      carryOut(writing, stageChange(this.expected, change, this.#nextStamp), this.#fillBytes)
  }

  /** Compares the running store with the model, and takes it at its word about what is durable. */
  #compare(): void {
    const { expected } = this
    const found = stateOf(this.#store)
    if (!isSameState(found, expected.records))
      throw new Violation(`the store reads ${differenceOf(found, expected.records)}`)
    const { commitNumber, durableCommitNumber } = this.#store
    expectSame('commitNumber', [commitNumber], [expected.newest.commitNumber ?? -1])
    const durable = versionOf(expected.versions, durableCommitNumber)
    if (durable < 0 && durableCommitNumber > (expected.versions[0]?.commitNumber ?? 0)) {
      throw new Violation(`durableCommitNumber is ${durableCommitNumber}, which no commit had`)
    }
    if (durable >= 0) this.#journey.promise(durable)
  }
}
