/**
 * Stages what one transaction writes, in its own view.
 *
 *   CX1  a record that is appended has its number at once: one that was reserved, and that nobody else gets.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { NumberReservations } from '../commit/number-reservations.ts'
import { checkBatch, type StoreWriter } from '../commit/store-writer.ts'
import { Writer, type WriterParts, withFacts } from '../commit/writer.ts'
import type { CommitView } from '../records/commit-view.ts'

export interface ConcurrentWriterParts extends WriterParts<CommitView> {
  readonly reservations: NumberReservations
  /** What the store itself stages, whose numbers come from the same row. */
  readonly storeWriter: StoreWriter
  /** Record numbers in use by the store, staged ones included. */
  readonly storeSize: () => number
}

export class ConcurrentWriter extends Writer<CommitView, ConcurrentWriterParts> {
  /** Numbers that were reserved and are not given back. */
  readonly reserved: number[] = []

  /** @returns the record number */
  append(record: unknown): number {
    this.enter('append')
    try {
      return this.#appendReserved(record)
    } finally {
      this.leave()
    }
  }

  /** Appends all or none. */
  appendMany(records: Iterable<unknown>): { readonly first: number; readonly count: number } {
    checkBatch(records)
    this.enter('appendMany')
    const numbers: number[] = []
    try {
      for (const record of records) {
        const n = this.#appendReserved(record)
        numbers.push(n)
        // Code of the caller ran in between, and another transaction was given a number.
        if (n !== (numbers[0] as number) + numbers.length - 1) {
          throw new TypeError('Another transaction appended while appendMany read its records')
        }
      }
    } catch (error) {
      for (const n of numbers.reverse()) {
        this.parts.locator.staging.forget(n)
        this.#giveBack(n)
      }
      this.parts.changed()
      throw withFacts(error, { batchIndex: numbers.length }, `Record ${numbers.length} of the batch`)
    } finally {
      this.leave()
    }
    return { first: numbers[0] ?? this.parts.locator.staging.size, count: numbers.length }
  }

  protected override appendEncoded(image: RecordBytes): number {
    const { reservations, storeSize } = this.parts
    const n = reservations.take(storeSize())
    this.reserved.push(n)
    try {
      this.insertEncoded(n, image)
    } catch (error) {
      this.#giveBack(n)
      throw error
    }
    return n
  }

  #appendReserved(record: unknown): number {
    this.parts.storeWriter.assertIdle('append')
    return this.insertNew(record)
  }

  #giveBack(n: number): void {
    this.parts.reservations.give(n)
    this.reserved.splice(this.reserved.lastIndexOf(n), 1)
  }
}
