/**
 * What a random life has at hand: a store of a random schema, with random options, and the model that it is compared with.
 *
 * What is done with it: life-operations.ts. In which order: random-life.ts.
 */

import { type IndexedStoreOptions, openStore, StrideError } from '../../src/index.ts'
import { LifeModel, type LifeStore } from './life-model.ts'
import { LifeRecords } from './life-records.ts'
import type { Random } from './random.ts'
import { Violation } from './violation.ts'

export type LifeBackend = 'mapped' | 'file' | 'memory'

export class Life {
  readonly path: string
  readonly backend: LifeBackend
  readonly random: Random
  readonly records: LifeRecords
  readonly model: LifeModel
  readonly reuseNumbers: boolean
  readonly #lasting: IndexedStoreOptions
  #store: LifeStore | undefined

  constructor(path: string, backend: LifeBackend, random: Random) {
    this.path = path
    this.backend = backend
    this.random = random
    this.records = new LifeRecords(random)
    this.model = new LifeModel(this.records)
    this.reuseNumbers = random.chance(0.5)
    this.#lasting = {
      ...this.records.layouting,
      backend,
      reuseNumbers: this.reuseNumbers,
      checksums: random.chance(0.3),
      capacity: random.pick([0, 0, 500]),
      allocate: random.pick(['blocks', 'sparse']),
      durability: random.chance(0.1) ? 'full' : 'process',
      indexes: {
        byId: { on: 'id', unique: true, kind: random.pick(['hash', 'ordered']) },
        byGroup: { on: 'group', kind: random.pick(['hash', 'ordered', 'ordered']) },
      },
    }
  }

  get store(): LifeStore {
    return this.#store as LifeStore
  }

  /** Closes what is open, and opens the store again, with other options where that is allowed. */
  reopen(): void {
    this.close()
    this.#store = this.open({})
  }
  close(): void {
    this.#store?.close()
  }

  /** @param more what is to be otherwise than for the writer */
  open(more: IndexedStoreOptions, path = this.path): LifeStore {
    const { random } = this
    const { indexes, ...lasting } = this.#lasting
    return openStore(path, this.records.schema, {
      ...lasting,
      ...(more.readOnly === true ? {} : { indexes }),
      windowBytes: random.pick([65_536, 2 ** 20, 2 ** 30]),
      maxMappedBytes: random.pick([65_536, 2 ** 20, Number.POSITIVE_INFINITY]),
      advice: random.pick(['normal', 'random', 'sequential']),
      journalBytes: random.pick([65_536, 2 ** 18, 2 ** 24]),
      verifyReads: random.pick([undefined, true, false]),
      ...more,
    }) as unknown as LifeStore
  }

  /** A number that may be a live record's, a deleted one's, or beyond the end. */
  pickAny(): number {
    return this.random.below(this.model.size + 3)
  }
  pickLive(): number {
    return this.model.pickLive(this.random)
  }
  /** The number that an append takes. */
  get nextNumber(): number {
    const free = this.reuseNumbers ? this.model.staged.indexOf(undefined) : -1
    return free < 0 ? this.model.size : free
  }

  /** @throws Violation where the call does anything but throw this code */
  expectRefused(code: string, call: () => unknown): void {
    try {
      call()
    } catch (error) {
      if (error instanceof StrideError && error.code === code) return
      throw error
    }
    throw new Violation(`was not refused by ${code}`)
  }
}
