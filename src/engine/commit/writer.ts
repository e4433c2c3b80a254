/**
 * Stages changes: encodes and checks records before anything of them is kept.
 *
 *   WT1  a refused record, or batch with one, changes nothing.
 *   WT2  the error says which record, or which position of the batch, and which field.
 * Where staged bytes wait: staging.ts. When they become durable: committer.ts.
 */

import { StrideError } from '../../errors.ts'
import { shown } from '../../options/shown-value.ts'
import type { Codec, RecordBytes } from '../../schema/index.ts'
import { copyBytes } from '../file/copy-bytes.ts'
import type { Space } from '../file/space.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import type { Locator } from '../records/locator.ts'
import { noRecord } from '../records/record-numbers.ts'

export interface WriterParts {
  readonly codec: Codec<unknown>
  readonly locator: Locator
  /** Where appended records go; a flat file has none. */
  readonly space: Pick<Space, 'capacity' | 'ensure'>
  /** Stores a full tail behind the committed end of the file. */
  readonly storeTail: () => void
  readonly reuseNumbers: boolean
  readonly path: string
  /** Called when what a reader may have found before is no longer what is there. */
  readonly changed: () => void
  /** Told of each change before it is staged; what it throws refuses the change. */
  readonly indexes?: StagedKeys | undefined
}

/** Who keeps keys of records (indexes/upkeep/index-set.ts). */
export interface StagedKeys {
  adding(n: number, view: DataView, at: number): void
  changing(n: number, view: DataView, at: number): void
  deleting(n: number): void
}

export class Writer {
  readonly #parts: WriterParts
  readonly #scratch: Buffer
  readonly #scratchView: DataView
  readonly #scratchBytes: RecordBytes
  /** True while user code may run in the middle of a call (iterables, getters of records). */
  #busy = false
  /** No free number lies below this one. */
  #freeHint = 0

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#scratch = Buffer.alloc(parts.locator.staging.recordSize)
    this.#scratchView = new DataView(this.#scratch.buffer, this.#scratch.byteOffset, this.#scratch.length)
    this.#scratchBytes = { view: this.#scratchView, bytes: this.#scratch }
  }

  /** @throws ERR_STRIDE_TRANSACTION while another call is in the middle of user code: an iterable, a getter, a refinement */
  assertIdle(call: string): void {
    if (!this.#busy) return
    const message = `${call} was called while another write reads its records`
    throw new StrideError('ERR_STRIDE_TRANSACTION', message)
  }

  /** @returns the record number */
  append(record: unknown): number {
    this.#enter('append')
    try {
      if (this.#parts.reuseNumbers) {
        const free = this.#freeNumber()
        if (free !== undefined) return this.#reuse(free, record)
      }
      return this.#appendAtEnd(record)
    } finally {
      this.#busy = false
    }
  }

  /** Appends all or none, at the end. */
  appendMany(records: Iterable<unknown>): { readonly first: number; readonly count: number } {
    // A text can be iterated, and an empty one would append nothing in silence.
    const isIterable = typeof (records as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function'
    if (!isIterable || typeof records !== 'object') {
      throw new TypeError(`appendMany takes an iterable of records: ${shown(records)}`)
    }
    this.#enter('appendMany')
    const { staging } = this.#parts.locator
    const first = staging.size
    let count = 0
    try {
      if (Array.isArray(records) && records.length > 0) this.#parts.space.ensure(first + records.length)
      for (const record of records) {
        this.#appendAtEnd(record)
        count++
      }
    } catch (error) {
      staging.truncate(first)
      this.#parts.changed()
      throw withFacts(error, { batchIndex: count }, `Record ${count} of the batch`)
    } finally {
      this.#busy = false
    }
    return { first, count }
  }

  /** Changes the named fields of a live record. */
  update(n: number, change: unknown): void {
    this.#enter('update')
    try {
      this.#copyToScratch(n)
      this.#encode(n, () => this.#parts.codec.patch(change, this.#scratchView, this.#scratch, 0))
      this.#parts.indexes?.changing(n, this.#scratchView, 0)
      this.#stageScratch(n, false)
    } finally {
      this.#busy = false
    }
  }

  /** Replaces a live record. */
  put(n: number, record: unknown): void {
    this.#enter('put')
    try {
      checkRecordNumber(n)
      if (!this.#parts.locator.isLiveForChange(n)) throw noRecord(n, this.#parts)
      this.#encode(n, () => this.#parts.codec.encode(record, this.#scratchView, this.#scratch, 0))
      this.#parts.indexes?.changing(n, this.#scratchView, 0)
      this.#stageScratch(n, false)
    } finally {
      this.#busy = false
    }
  }

  /** @returns whether there was a live record */
  delete(n: number): boolean {
    this.#enter('delete')
    this.#busy = false
    checkRecordNumber(n)
    const { locator } = this.#parts
    if (!locator.isLiveForChange(n)) {
      // Stored again, the bit and the checksum of a deleted record agree.
      if (locator.hasContradiction(n)) this.#stageDeletion(n, false)
      return false
    }
    this.#parts.indexes?.deleting(n)
    this.#stageDeletion(n, true)
    return true
  }

  #stageDeletion(n: number, wasLive: boolean): void {
    const { locator, changed } = this.#parts
    locator.staging.setDeleted(n, wasLive)
    if (n < this.#freeHint) this.#freeHint = n
    changed()
  }

  /** After a rollback other numbers may be free. */
  forgetHints(): void {
    this.#freeHint = 0
  }

  #enter(call: string): void {
    this.assertIdle(call)
    this.#busy = true
  }

  #appendAtEnd(record: unknown): number {
    const { codec, locator, space } = this.#parts
    const { staging } = locator
    if (staging.size >= space.capacity) space.ensure(staging.size + 1)
    if (staging.isTailFull && !staging.growTail()) {
      this.#parts.storeTail()
      staging.startTail()
    }
    const { view, bytes } = staging.tail
    const at = staging.tailCount * staging.recordSize
    codec.encode(record, view as DataView, bytes, at)
    this.#parts.indexes?.adding(staging.size, view as DataView, at)
    return staging.appended()
  }

  #freeNumber(): number | undefined {
    const { locator } = this.#parts
    const { staging } = locator
    for (let n = this.#freeHint; n < staging.size; n++) {
      if (!locator.isLiveForChange(n)) {
        this.#freeHint = n
        return n
      }
      const live = locator.deletionBits.nextDeleted(n, Math.min(staging.baseSize, staging.unchangedBelow(n)))
      if (live > n + 1) n = live - 1
    }
    this.#freeHint = staging.size
    return undefined
  }

  #reuse(n: number, record: unknown): number {
    this.#encode(n, () => this.#parts.codec.encode(record, this.#scratchView, this.#scratch, 0))
    this.#parts.indexes?.adding(n, this.#scratchView, 0)
    this.#stageScratch(n, true)
    this.#freeHint = n + 1
    return n
  }

  #copyToScratch(n: number): void {
    checkRecordNumber(n)
    const { locator } = this.#parts
    const source = locator.find(n)
    if (source === undefined) throw noRecord(n, this.#parts)
    copyBytes(source, locator.at, this.#scratchBytes, 0, this.#scratch.length)
  }

  #stageScratch(n: number, revives: boolean): void {
    this.#parts.locator.staging.setImage(n, this.#scratchBytes, revives)
    this.#parts.changed()
  }

  #encode(n: number, encode: () => void): void {
    try {
      encode()
    } catch (error) {
      throw withFacts(error, { recordNumber: n }, `Record ${n}`)
    }
  }
}

/** The same refusal with the record's place added; other errors as they are. */
function withFacts(
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
