/**
 * How do rows and walks find one record, or a run of neighbours?
 *
 * Each search checks that the set is open and up to date, and turns an absent record into an error. Where the bytes are: locator.ts.
 * Beside a writer of another process: following-finder.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Window } from '../../mmap/window-pool/window.ts'
import { type Codec, type ReaderBase, type RecordBytes, readerAccess } from '../../schema/index.ts'
import { noRecord } from '../numbers/record-numbers.ts'
import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Locator } from '../staging/locator.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import type { HotRows } from './hot-rows.ts'
import { GONE, type Numbering } from './numbering.ts'
import type { RowOwner } from './row.ts'
import type { RunFinder } from './scan.ts'

export interface Findable {
  readonly path: string
  readonly codec: Codec<unknown>
  readonly locator: Locator<RecordLayers>
  readonly numbering: Numbering
}

/** The reading. `prepare` may replace its source. */
export interface FindableReading {
  readonly source: Findable
  readonly standing: HotRows | undefined
  prepare(): void
}

export class RecordFinder implements RowOwner, RunFinder {
  readonly #reading: FindableReading
  readonly reader: ReaderBase
  /** Byte position of the record, or of the run's first one, that was found last. */
  locatedAt = 0
  /** The numbering of that record. */
  locatedBy: Numbering
  isWindow = false
  /** Length of the run found last. */
  runCount = 0

  constructor(reading: FindableReading, reader: ReaderBase) {
    this.#reading = reading
    this.reader = reader
    this.locatedBy = reading.source.numbering
  }

  get standing(): HotRows | undefined {
    return this.#reading.standing
  }
  get stride(): number {
    return this.#reading.source.locator.addressing.stride
  }

  get numbering(): Numbering {
    return this.#reading.source.numbering
  }

  prepare(): void {
    this.#reading.prepare()
  }

  locate(n: number): RecordBytes {
    // So that the records around it are hot for rows, too.
    this.locatedAt = readerAccess.locate(this.reader, n)
    const source = this.#reading.source
    this.locatedBy = source.numbering
    return this.#held(source, readerAccess.source(this.reader))
  }

  numberNow(n: number, numbering: Numbering): number {
    this.#reading.prepare()
    const now = numbering.numberNow(n)
    if (now >= 0) return now
    const source = this.#reading.source
    throw now === GONE ? noRecord(n, source) : replaced(source.path, 'a row on a record')
  }

  placeNow(n: number, numbering: Numbering): number {
    const place = numbering.placeNow(n)
    if (place < 0) throw replaced(this.#reading.source.path, 'a walk over records')
    return place
  }

  /** Runs a reading in which rows and walks show one commit. Without another writer every reading does. */
  together<T>(read: () => T): T {
    return read()
  }

  decode(view: DataView, bytes: Buffer, at: number): unknown {
    return this.#reading.source.codec.decode(view, bytes, at)
  }

  nextLive(n: number, end: number): number {
    return this.#reading.source.locator.nextLive(n, end)
  }

  run(n: number, end: number): RecordBytes {
    const source = this.#reading.source
    const found = source.locator.run(n, end)
    if (found === undefined) throw noRecord(n, source)
    this.locatedAt = source.locator.at
    this.locatedBy = source.numbering
    this.runCount = source.locator.count
    return this.#held(source, found)
  }

  /** The bytes as a row or walk may keep them: until they go, or something is changed. */
  #held({ locator }: Findable, found: RecordBytes): RecordBytes {
    const isStaged = found instanceof HeapBytes
    this.isWindow = !isStaged && locator.pool.live && (found as Window).isCopy !== true
    return isStaged ? locator.staging.tokenOn(found) : found
  }
}

/** @param who the row or walk, for the message */
export function replaced(path: string, who: string): StrideError {
  const message = `Another process compacted ${path}: ${who} cannot tell where it was`
  return new StrideError('ERR_STRIDE_REPLACED', message, { path })
}
