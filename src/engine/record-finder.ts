/**
 * What rows and walks ask a record set for: one record by number, or a run of neighbours.
 *
 * Looks each time whether the set is open and as new as other processes' commits, and turns an absent record into an
 * error. Where the bytes are: locator.ts.
 */

import type { Codec, RecordBytes } from '../schema/index.ts'
import { checkRecordNumber } from './addressing.ts'
import type { Locator } from './locator.ts'
import type { RowOwner } from './row.ts'
import type { RunFinder } from './scan.ts'
import { noRecord } from './writer.ts'

interface Findable {
  readonly path: string
  readonly codec: Codec<unknown>
  readonly locator: Locator
}

export class RecordFinder implements RowOwner, RunFinder {
  readonly #source: () => Findable
  readonly #prepare: () => void
  /** Byte position of the record, or of the run's first one, that was found last. */
  locatedAt = 0
  /** Length of the run found last. */
  runCount = 0

  /** `source` may answer with another one after each `prepare`. */
  constructor(source: () => Findable, prepare: () => void) {
    this.#source = source
    this.#prepare = prepare
  }

  get stride(): number {
    return this.#source().locator.addressing.stride
  }

  locate(n: number): RecordBytes {
    checkRecordNumber(n)
    this.#prepare()
    const source = this.#source()
    const found = source.locator.find(n)
    if (found === undefined) throw noRecord(n, source)
    this.locatedAt = source.locator.at
    return found
  }

  decode(view: DataView, bytes: Buffer, at: number): unknown {
    return this.#source().codec.decode(view, bytes, at)
  }

  nextLive(n: number, end: number): number {
    this.#prepare()
    return this.#source().locator.nextLive(n, end)
  }

  run(n: number, end: number): RecordBytes {
    const source = this.#source()
    const found = source.locator.run(n, end)
    if (found === undefined) throw noRecord(n, source)
    this.locatedAt = source.locator.at
    this.runCount = source.locator.count
    return found
  }
}
