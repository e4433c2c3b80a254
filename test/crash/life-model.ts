/**
 * A store as a list would be one: what every number holds, staged and committed, and how that compares with a store.
 */

import type { Store } from '../../src/index.ts'
import type { Image, LifeRecords } from './life-records.ts'
import type { Random } from './random.ts'
import { Violation } from './violation.ts'

/** Names and fields are drawn, so that types say nothing of them. */
export type LifeStore = Store<never> &
  Readonly<Record<'append' | 'put' | 'update', (...given: unknown[]) => number>>

export class LifeModel {
  readonly #records: LifeRecords
  /** By number; undefined marks a deleted record. */
  staged: (Image | undefined)[] = []
  committed: readonly (Image | undefined)[] = []

  constructor(records: LifeRecords) {
    this.#records = records
  }

  get size(): number {
    return this.staged.length
  }
  get live(): number[] {
    const numbers: number[] = []
    for (let n = 0; n < this.staged.length; n++) if (this.staged[n] !== undefined) numbers.push(n)
    return numbers
  }

  /** A live record, -1 where there is none. */
  pickLive(random: Random): number {
    if (this.size === 0) return -1
    const from = random.below(this.size)
    for (let i = 0; i < this.size; i++) {
      const n = (from + i) % this.size
      if (this.staged[n] !== undefined) return n
    }
    return -1
  }

  numberOf(id: number): number {
    return this.staged.findIndex(image => image?.id === id)
  }
  numbersOf(group: number): number[] {
    return this.live.filter(n => this.staged[n]?.group === group)
  }
  /** Numbers in the order of an index on `group`, of the groups from `from` up to, and without, `to`. */
  inOrder(from: number, to: number): number[] {
    const groupOf = (n: number): number => this.staged[n]?.group as number
    return this.live
      .filter(n => groupOf(n) >= from && groupOf(n) < to)
      .sort((a, b) => groupOf(a) - groupOf(b) || a - b)
  }

  commit(): void {
    this.committed = [...this.staged]
  }
  rollback(): void {
    this.staged = [...this.committed]
  }

  /** What is there of one number. @throws Violation where it is anything else */
  expectRecord(what: string, n: number, given: unknown): void {
    const image = this.staged[n]
    if (image === undefined ? given === undefined : given !== undefined && this.#records.isSame(given, image))
      return
    const expected = image === undefined ? 'nothing' : `the record with id ${image.id}`
    throw new Violation(`${what} of ${n} gave ${show(given)}, not ${expected}`)
  }

  /** Every way in which a store shows all that it has. @throws Violation */
  expectAll(store: LifeStore): void {
    const { live } = this
    expectSame('size', store.size, this.size)
    expectSame('count', store.count, live.length)
    let i = 0
    for (const record of store) this.expectRecord('iteration', live[i++] ?? this.size, record)
    expectSame('records of an iteration', i, live.length)
    i = 0
    for (const row of store.scan() as Iterable<{ readonly number: number; readonly id: number }>) {
      expectSame('number of a row', row.number, live[i])
      expectSame(`id of row ${row.number}`, row.id, this.staged[live[i++] as number]?.id)
    }
    const numbers = Array.from({ length: this.size + 2 }, (_, n) => n)
    for (const [n, record] of store.getMany(numbers).entries()) this.expectRecord('getMany', n, record)
    const ids = live.map(n => this.staged[n]?.id as number)
    expectList('gather of id', store.gather('id' as never) as unknown as ArrayLike<number>, ids)
    expectList('numbers by id', store.index('byId').numbers(ids), live)
    const groups = store.index('byGroup')
    if (groups.kind === 'ordered') expectList('range by group', groups.range().numbers(), this.inOrder(0, 256))
    for (const image of [this.staged[live[0] ?? 0], this.staged[live.at(-1) ?? 0]]) {
      if (image !== undefined)
        expectList('all of a group', groups.all(image.group), this.numbersOf(image.group))
    }
  }
}

export function expectSame(what: string, given: unknown, expected: unknown): void {
  if (!Object.is(given, expected)) throw new Violation(`${what} is ${show(given)}, not ${show(expected)}`)
}

export function expectList(what: string, given: ArrayLike<number>, expected: readonly number[]): void {
  const at = expected.findIndex((each, i) => given[i] !== each)
  if (at < 0 && given.length === expected.length) return
  const first = at < 0 ? expected.length : at
  throw new Violation(
    `${what} has ${given.length} and not ${expected.length} elements, or differs at ${first}: ${given[first]}, not ${expected[first]}`,
  )
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `an object with id ${(value as { id?: unknown }).id}`
    : String(value)
}
