/**
 * Stages changes of records: encodes and checks a record before anything of it is kept.
 *
 *   WT1  a refused record, or a batch that contains one, changes nothing.
 *   WT2  the error names the record or the position in the batch, and the field.
 * New records: store-writer.ts, concurrent-writer.ts. Where staged bytes are kept: staging/staging.ts. When they become durable:
 * committer.ts.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { Codec, RecordBytes } from '../../schema/index.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import { noRecord } from '../numbers/record-numbers.ts'
import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Locator } from '../staging/locator.ts'
import type { ChangeableLayers } from '../staging/record-layers.ts'

export interface WriterParts<L extends ChangeableLayers> {
  readonly codec: Codec<unknown>
  readonly locator: Locator<L>
  readonly path: string
  /** Called when a change may have made earlier results of lookups invalid. */
  readonly changed: () => void
  /** Notified of each change before it is staged. If it throws, the change is refused. */
  readonly indexes?: StagedKeys | undefined
}

/** The indexes, which receive the keys of staged records (indexes/lifecycle/index-set.ts). */
export interface StagedKeys {
  adding(n: number, view: DataView, at: number): void
  changing(n: number, view: DataView, at: number): void
  deleting(n: number): void
}

export class Writer<L extends ChangeableLayers = ChangeableLayers, P extends WriterParts<L> = WriterParts<L>> {
  protected readonly parts: P
  #scratch: HeapBytes | undefined
  /** Whether user code may be running within a call (iterables, getters of records). */
  #busy = false

  constructor(parts: P) {
    this.parts = parts
  }

  /** @throws ERR_STRIDE_TRANSACTION while another call runs user code: an iterable, a getter, a refinement */
  assertIdle(call: string): void {
    if (!this.#busy) return
    const message = `${call} was called while another write reads its records`
    throw new StrideError('ERR_STRIDE_TRANSACTION', message)
  }

  /** Changes the named fields of a live record. */
  update(n: number, change: unknown): void {
    this.enter('update')
    try {
      this.#copyToScratch(n)
      const { view, bytes } = this.#image
      this.#encode(n, () => this.parts.codec.patch(change, view, bytes, 0))
      this.parts.indexes?.changing(n, view, 0)
      this.#stageScratch(n, false)
    } finally {
      this.#busy = false
    }
  }

  /** Replaces a live record. */
  put(n: number, record: unknown): void {
    this.enter('put')
    try {
      checkRecordNumber(n)
      if (!this.parts.locator.isLiveForChange(n)) throw noRecord(n, this.parts)
      const { view, bytes } = this.#image
      this.#encode(n, () => this.parts.codec.encode(record, view, bytes, 0))
      this.parts.indexes?.changing(n, view, 0)
      this.#stageScratch(n, false)
    } finally {
      this.#busy = false
    }
  }

  /** @returns whether there was a live record */
  delete(n: number): boolean {
    this.enter('delete')
    this.#busy = false
    checkRecordNumber(n)
    const { locator } = this.parts
    if (!locator.isLiveForChange(n)) {
      // Storing both again repairs a deletion bit that contradicts its checksum.
      if (locator.hasContradiction(n)) this.stageDeletion(n, false)
      return false
    }
    this.parts.indexes?.deleting(n)
    this.stageDeletion(n, true)
    return true
  }

  /** Deletes the record that `find` returns. @param find returns a negative number if there is none @returns whether there was one */
  deleteFound(find: () => number): boolean {
    const n = find()
    return n >= 0 && this.delete(n)
  }

  /**
   * Replaces the record with the same unique key, or stages a new one.
   * @param rivalOf finds the live record with the key of the bytes at 0; negative if there is none
   */
  upsert(
    record: unknown,
    rivalOf: (view: DataView) => number,
  ): { readonly number: number; readonly inserted: boolean } {
    this.enter('upsert')
    try {
      const { view, bytes } = this.#image
      this.parts.codec.encode(record, view, bytes, 0)
      return this.upsertEncoded(this.#image, rivalOf)
    } finally {
      this.#busy = false
    }
  }

  /** Like `upsert`, for a record that is encoded at position 0 of `image`. */
  protected upsertEncoded(
    image: RecordBytes,
    rivalOf: (view: DataView) => number,
  ): { readonly number: number; readonly inserted: boolean } {
    const { indexes, locator, changed } = this.parts
    const view = image.view as DataView
    const n = rivalOf(view)
    if (n < 0) return { number: this.appendEncoded(image), inserted: true }
    indexes?.changing(n, view, 0)
    locator.staging.setImage(n, image, false)
    changed()
    return { number: n, inserted: false }
  }

  /** Stages a record at the number of a deleted record. */
  protected insert(n: number, record: unknown): void {
    const { view, bytes } = this.#image
    this.#encode(n, () => this.parts.codec.encode(record, view, bytes, 0))
    this.insertEncoded(n, this.#image)
  }
  protected insertEncoded(n: number, image: RecordBytes): void {
    const { locator, indexes, changed } = this.parts
    indexes?.adding(n, image.view as DataView, 0)
    locator.staging.setImage(n, image, true)
    changed()
  }

  /** Encodes and stages a new record. @returns its number */
  protected insertNew(record: unknown): number {
    const { view, bytes } = this.#image
    this.parts.codec.encode(record, view, bytes, 0)
    return this.appendEncoded(this.#image)
  }

  /** Stages a new record, whose image is at position 0. @returns its number. Not possible in a flat file */
  protected appendEncoded(_image: RecordBytes): number {
    throw new InvariantError('nothing can be appended here')
  }

  protected stageDeletion(n: number, wasLive: boolean): void {
    const { locator, changed } = this.parts
    locator.staging.setDeleted(n, wasLive)
    changed()
  }

  /** Refuses other writes until `leave`, while user code may run. */
  protected enter(call: string): void {
    this.assertIdle(call)
    this.#busy = true
  }
  protected leave(): void {
    this.#busy = false
  }

  /** The buffer in which a record is encoded before it is staged. */
  get #image(): HeapBytes {
    if (this.#scratch === undefined) {
      this.#scratch = HeapBytes.ofSize(this.parts.locator.staging.recordSize)
      this.#scratch.bytes.fill(0)
    }
    return this.#scratch
  }

  #copyToScratch(n: number): void {
    checkRecordNumber(n)
    const { locator } = this.parts
    const source = locator.find(n)
    if (source === undefined) throw noRecord(n, this.parts)
    copyBytes(source, locator.at, this.#image, 0, locator.staging.recordSize)
  }

  #stageScratch(n: number, revives: boolean): void {
    this.parts.locator.staging.setImage(n, this.#image, revives)
    this.parts.changed()
  }

  #encode(n: number, encode: () => void): void {
    try {
      encode()
    } catch (error) {
      throw withFacts(error, { recordNumber: n }, `Record ${n}`)
    }
  }
}

/** Adds the record's place to a refusal. Other errors are returned unchanged. */
export function withFacts(
  error: unknown,
  facts: { readonly recordNumber?: number; readonly batchIndex?: number },
  place: string,
): unknown {
  if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_RECORD') return error
  const { field, issues } = error
  return new StrideError('ERR_STRIDE_RECORD', `${place}: ${error.message}`, {
    ...facts,
    ...(field === undefined ? {} : { field }),
    ...(issues === undefined ? {} : { issues }),
  })
}
