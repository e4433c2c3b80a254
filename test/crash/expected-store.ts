/**
 * What a store should hold: the naive model that every crash test compares with.
 *
 * A record is three numbers: its stamp, which is given once and never again, and one at each end of the record, of which an update
 * changes one. All its other bytes follow from the stamp, so that a record made of two others betrays itself. An update of a small
 * record is a patch in the journal, and several updates of one record are patches of different bytes. Each commit keeps a version, and a
 * crash must leave one of them.
 */

import { z } from 'zod'
import { bytes } from '../../src/schema/public.ts'

export interface Rec {
  /** The first bytes of the record. */
  readonly lead: number
  readonly stamp: number
  /** The last bytes of the record, under an index. */
  readonly mark: number
}

/** The records of one commit by number, undefined where deleted. */
export interface Version {
  /** Unknown while a compaction that has not returned decides it. */
  commitNumber: number | undefined
  readonly records: readonly (Rec | undefined)[]
  /** What made it, for messages. */
  readonly label: string
}

/** Records of `fillBytes` + 12 bytes. */
export function recordSchema(fillBytes: number) {
  return z.object({ lead: z.uint32(), stamp: z.uint32(), fill: bytes(fillBytes), mark: z.uint32() })
}
export type RecordSchema = ReturnType<typeof recordSchema>
export type StoredRecord = z.output<RecordSchema>

/** The record as the schema has it. */
export function storedRecord({ lead, stamp, mark }: Rec, fillBytes: number): StoredRecord {
  return { lead, stamp, mark, fill: fillOf(stamp, fillBytes) }
}

/** Whether every byte of a record is one of this stamp's. */
export function isWholeRecord(record: StoredRecord): boolean {
  return Buffer.compare(fillOf(record.stamp, record.fill.length), record.fill) === 0
}

const fills = new Map<number, Uint8Array>()
const FILLS_BYTES_MAX = 16 * 1024 * 1024

function fillOf(stamp: number, length: number): Uint8Array {
  let fill = fills.get(stamp)
  if (fill?.length === length) return fill
  if (fills.size * length > FILLS_BYTES_MAX) fills.clear()
  fill = new Uint8Array(length)
  let x = Math.imul(stamp + 1, 0x9e3779b1)
  for (let i = 0; i < length; i++) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i
    // Never zero: a hole is no record.
    fill[i] = (x >>> 24) | 1
  }
  fills.set(stamp, fill)
  return fill
}

export class ExpectedStore {
  readonly #reuseNumbers: boolean
  #records: (Rec | undefined)[]
  /** Whether something was changed since the newest version, even if it was changed back. */
  #isTouched = false
  /** Every committed state, oldest first; the first is where the model began. */
  readonly versions: Version[]

  constructor(start: Version, reuseNumbers: boolean) {
    this.#reuseNumbers = reuseNumbers
    this.#records = [...start.records]
    this.versions = [start]
  }

  /** As the writing process sees it, staged changes included. */
  get records(): (Rec | undefined)[] {
    return this.#records
  }
  set records(records: (Rec | undefined)[]) {
    this.#records = records
    this.#isTouched = false
  }
  /** A change was staged. */
  touch(): void {
    this.#isTouched = true
  }
  get newest(): Version {
    return this.versions.at(-1) as Version
  }
  get liveNumbers(): number[] {
    return [...this.records.keys()].filter(n => this.records[n] !== undefined)
  }
  /** The number that the next append gets. */
  get nextNumber(): number {
    const free = this.#reuseNumbers ? this.records.indexOf(undefined) : -1
    return free === -1 ? this.records.length : free
  }
  get hasStaged(): boolean {
    return !isSameState(this.records, this.newest.records)
  }

  /** Keeps what is staged as the next version. @returns its index in `versions`; the newest one's if nothing is staged */
  commit(label: string): number {
    // Appended into a free number and deleted again: a commit all the same.
    if (this.hasStaged || this.#isTouched) {
      this.#isTouched = false
      const { commitNumber } = this.newest
      const next = commitNumber === undefined ? undefined : commitNumber + 1
      this.versions.push({ commitNumber: next, records: [...this.records], label })
    }
    return this.versions.length - 1
  }

  rollback(): void {
    this.records = [...this.newest.records]
  }

  /** Drops deleted records. The commit number is set by whoever sees it. @returns the version's index */
  compact(): number {
    const records = this.records.filter(record => record !== undefined)
    this.versions.push({ commitNumber: undefined, records, label: 'compact' })
    this.records = [...records]
    return this.versions.length - 1
  }
}

export function isSameRecord(a: Rec, b: Rec): boolean {
  return a.lead === b.lead && a.stamp === b.stamp && a.mark === b.mark
}

/** The highest number in any of the records, or `least`. */
export function highestNumber(records: readonly (Rec | undefined)[], least: number): number {
  return records.reduce(
    (most, record) => (record === undefined ? most : Math.max(most, record.lead, record.stamp, record.mark)),
    least,
  )
}

export function isSameState(a: readonly (Rec | undefined)[], b: readonly (Rec | undefined)[]): boolean {
  if (a.length !== b.length) return false
  return a.every((record, n) => {
    const other = b[n]
    return record === other || (record !== undefined && other !== undefined && isSameRecord(record, other))
  })
}

/** Where two states differ first, in words. */
export function differenceOf(
  found: readonly (Rec | undefined)[],
  expected: readonly (Rec | undefined)[],
): string {
  const show = (record: Rec | undefined): string =>
    record === undefined
      ? 'no record'
      : `record of stamp ${record.stamp}, lead ${record.lead}, mark ${record.mark}`
  const n = Array.from({ length: Math.max(found.length, expected.length) }, (_, i) => i).filter(
    i => !isSameState([found[i]], [expected[i]]),
  )
  const first = n[0]
  const sizes = `size ${found.length} against ${expected.length}`
  if (first === undefined) return sizes
  return `${sizes}; ${n.length} records differ, ${first} first: ${show(found[first])} against ${show(expected[first])}`
}
