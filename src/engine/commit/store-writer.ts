/**
 * Stages new records of a store, at the end or at free numbers, besides the changes of writer.ts.
 *
 *   SW1  numbers that a concurrent transaction reserved are not used for other records. If an append goes beyond them, they are staged as
 *        deleted records until their transaction commits.
 */

import { shown } from '../../options/shown-value.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import type { Space } from '../data-file/space.ts'
import type { Staging } from '../staging/staging.ts'
import type { NumberReservations } from './number-reservations.ts'
import { type StagedKeys, Writer, type WriterParts, withFacts } from './writer.ts'

/** Further notifications of a store's indexes. */
export interface StoreKeys extends StagedKeys {
  /** Record n is about to get these bytes. Unique keys are checked later (`assertUnrivalled`). `isLive`: the record is live already. */
  placing(n: number, view: DataView, at: number, isLive: boolean): void
  /** @throws ERR_STRIDE_DUPLICATE_KEY if the staged record n has a unique key of another record */
  assertUnrivalled(n: number): void
}

export interface StoreWriterParts extends WriterParts<Staging> {
  readonly space: Pick<Space, 'capacity' | 'ensure'>
  /** Stores a full tail behind the committed end of the file. */
  readonly storeTail: () => void
  readonly reuseNumbers: boolean
  readonly reservations: NumberReservations
  readonly indexes?: StoreKeys | undefined
}

export class StoreWriter extends Writer<Staging, StoreWriterParts> {
  /** No number below this one is free. */
  #freeHint = 0

  /** @returns the record number */
  append(record: unknown): number {
    this.enter('append')
    try {
      if (this.parts.reuseNumbers) {
        const free = this.#freeNumber()
        if (free !== undefined) {
          this.insert(free, record)
          this.#freeHint = free + 1
          return free
        }
      }
      const { staging } = this.parts.locator
      const { size } = staging
      try {
        return this.#appendAtEnd(record)
      } catch (error) {
        // Drops the deleted records that were staged for reserved numbers.
        staging.truncate(size)
        throw error
      }
    } finally {
      this.leave()
    }
  }

  /** Appends all or none, at the end. */
  appendMany(records: Iterable<unknown>): { readonly first: number; readonly count: number } {
    checkBatch(records)
    this.enter('appendMany')
    const { staging } = this.parts.locator
    const { size } = staging
    let first = Math.max(size, this.parts.reservations.end)
    let count = 0
    try {
      if (Array.isArray(records) && records.length > 0) this.parts.space.ensure(first + records.length)
      for (const record of records) {
        const n = this.#appendAtEnd(record)
        // The iterable may have ended a transaction, which frees its reserved numbers.
        if (count++ === 0) first = n
      }
    } catch (error) {
      staging.truncate(size)
      this.parts.changed()
      throw withFacts(error, { batchIndex: count }, `Record ${count} of the batch`)
    } finally {
      this.leave()
    }
    return { first, count }
  }

  /**
   * Stages a new record that is encoded at position 0 of `image`, or with `rivalOf` in place of the record with its key. No code of a
   * caller runs. @returns whether the record is new
   */
  stageImage(image: RecordBytes, rivalOf?: (view: DataView) => number): boolean {
    this.assertIdle('An import')
    if (rivalOf !== undefined) return this.upsertEncoded(image, rivalOf).inserted
    this.appendEncoded(image)
    return true
  }

  /** Deletes all live records. @returns how many there were */
  clear(): number {
    const { locator } = this.parts
    const { staging } = locator
    let count = 0
    for (
      let n = locator.nextLive(0, staging.size);
      n < staging.size;
      n = locator.nextLive(n + 1, staging.size)
    ) {
      if (this.delete(n)) count++
    }
    return count
  }

  /**
   * Stages an image of record n; undefined for a deletion. Unique keys are checked afterwards (`assertUnrivalled`), since other changes of
   * the same transaction may free a key. @throws ERR_STRIDE_NO_SPACE, _LIMIT
   */
  place(n: number, image: RecordBytes | undefined): void {
    const { locator, indexes, changed } = this.parts
    const { staging } = locator
    if (n >= staging.size) {
      // The number of a record that was appended and deleted by the same transaction stays a deleted record.
      this.fillTo(image === undefined ? n + 1 : n)
      if (image === undefined) return
      const at = this.#copyToTail(image)
      indexes?.placing(n, staging.tail.view as DataView, at, false)
      staging.appended()
      return
    }
    if (image === undefined) {
      this.delete(n)
      return
    }
    const isLive = locator.isLiveForChange(n)
    indexes?.placing(n, image.view as DataView, 0, isLive)
    staging.setImage(n, image, !isLive)
    changed()
  }

  /** Appends deleted records up to `end`. */
  fillTo(end: number): void {
    const { staging } = this.parts.locator
    while (staging.size < end) {
      this.#makeRoom()
      const at = staging.tailCount * staging.recordSize
      staging.tail.bytes.fill(0, at, at + staging.recordSize)
      this.stageDeletion(staging.appended(), true)
    }
  }

  /** Called after a rollback, since lower numbers may be free again. */
  forgetHints(): void {
    this.#freeHint = 0
  }

  protected override appendEncoded(image: RecordBytes): number {
    const { reuseNumbers, locator, reservations, indexes } = this.parts
    const free = reuseNumbers ? this.#freeNumber() : undefined
    if (free !== undefined) {
      this.insertEncoded(free, image)
      this.#freeHint = free + 1
      return free
    }
    const { staging } = locator
    const { size } = staging
    indexes?.adding(Math.max(size, reservations.end), image.view as DataView, 0)
    try {
      this.fillTo(reservations.end)
      this.#copyToTail(image)
      return staging.appended()
    } catch (error) {
      staging.truncate(size)
      throw error
    }
  }

  protected override stageDeletion(n: number, wasLive: boolean): void {
    if (n < this.#freeHint) this.#freeHint = n
    super.stageDeletion(n, wasLive)
  }

  #appendAtEnd(record: unknown): number {
    const { codec, locator, reservations } = this.parts
    const { staging } = locator
    if (staging.size < reservations.end) this.fillTo(reservations.end)
    this.#makeRoom()
    const { view, bytes } = staging.tail
    const at = staging.tailCount * staging.recordSize
    codec.encode(record, view as DataView, bytes, at)
    this.parts.indexes?.adding(staging.size, view as DataView, at)
    return staging.appended()
  }

  /** Copies an image behind the last record of the tail. @returns its position */
  #copyToTail(image: RecordBytes): number {
    this.#makeRoom()
    const { staging } = this.parts.locator
    const at = staging.tailCount * staging.recordSize
    copyBytes(image, 0, staging.tail, at, staging.recordSize)
    return at
  }

  #makeRoom(): void {
    const { locator, space } = this.parts
    const { staging } = locator
    if (staging.size >= space.capacity) space.ensure(staging.size + 1)
    if (staging.isTailFull && !staging.growTail()) {
      this.parts.storeTail()
      staging.startTail()
    }
  }

  #freeNumber(): number | undefined {
    const { locator, reservations } = this.parts
    const { staging } = locator
    for (let n = this.#freeHint; n < staging.size; n++) {
      if (!locator.isLiveForChange(n) && !reservations.has(n)) {
        this.#freeHint = n
        return n
      }
      const live = locator.deletionBits.nextDeleted(n, Math.min(staging.baseSize, staging.unchangedBelow(n)))
      if (live > n + 1) n = live - 1
    }
    this.#freeHint = staging.size
    return undefined
  }
}

/** @throws TypeError if it is no batch of records */
export function checkBatch(records: unknown): asserts records is Iterable<unknown> {
  // A string is iterable, and an empty one would silently append nothing.
  const isIterable = typeof (records as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function'
  if (!isIterable || typeof records !== 'object') {
    throw new TypeError(`appendMany takes an iterable of records: ${shown(records)}`)
  }
}
