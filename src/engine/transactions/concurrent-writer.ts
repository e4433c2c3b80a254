/**
 * How does a transaction of `begin()` stage its changes? In its own view.
 *
 *   CX1  an appended record has its number at once. The number is reserved, so that no other record gets it.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { NumberReservations } from '../commit/number-reservations.ts'
import { checkBatch, type StoreWriter } from '../commit/store-writer.ts'
import { Writer, type WriterParts, withFacts } from '../commit/writer.ts'
import type { CommitView } from '../staging/commit-view.ts'

export interface ConcurrentWriterParts extends WriterParts<CommitView> {
  readonly reservations: NumberReservations
  /** The store's own writer, which takes record numbers from the same sequence. */
  readonly storeWriter: StoreWriter
  /** The store's highest record number plus 1, staged records included. */
  readonly storeSize: () => number
}

export class ConcurrentWriter extends Writer<CommitView, ConcurrentWriterParts> {
  /** The reserved numbers. */
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
        // Code of the caller ran in between, and another transaction reserved a number.
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
