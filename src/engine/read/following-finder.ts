/**
 * What rows and walks of a reader ask for, beside a writer of another process.
 *
 * A row on mapped memory shows what the writer stores there, without a look at the writer's sequence: its fields may be of two
 * commits. That is what rows are for, except while several reads must agree (`store.read`).
 *   RF1  during `together`, rows and walks stand on copies of records. A copy is made between two looks at the sequence, so it is of
 *        one commit, and stays so.
 *   RF2  a copy is given up when its token is needed again, and at the end of `together`: whoever stands on it looks again.
 * Which commit is seen, and when a reading runs again: consistent-reads.ts.
 */

import type { RecordBytes } from '../../schema/index.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import type { Locator } from '../records/locator.ts'
import { noRecord } from '../records/record-numbers.ts'
import { type FindableReading, RecordFinder } from './record-finder.ts'

/** Copies that are good at the same time: so many rows and walks may be used in turn without looking again. */
const COPIES = 16
/** What a walk copies at once. */
const RUN_BYTES = 64 * 1024

/** What is read beside another writer. */
interface FollowedReading extends FindableReading {
  /** Runs a short reading again until no commit came between. */
  consistently<T>(read: () => T): T
  /** Rows and walks look again. */
  changed(): void
}

export class FollowingFinder extends RecordFinder {
  readonly #reading: FollowedReading
  readonly #copies = new Copies()
  #isCopying = false
  /** Whether rows or walks may stand on the file itself. */
  #isHeld = false

  constructor(reading: FollowedReading) {
    super(reading)
    this.#reading = reading
  }

  override together<T>(read: () => T): T {
    if (this.#isCopying) return read()
    if (this.#isHeld) this.#reading.changed()
    this.#isHeld = false
    this.#isCopying = true
    try {
      return read()
    } finally {
      this.#isCopying = false
      this.#copies.end()
    }
  }

  override locate(n: number): RecordBytes {
    if (!this.#isCopying) {
      this.#isHeld = true
      return super.locate(n)
    }
    checkRecordNumber(n)
    return this.#copied(n, n + 1)
  }

  override nextLive(n: number, end: number): number {
    if (!this.#isCopying) return super.nextLive(n, end)
    return this.#reading.consistently(() => super.nextLive(n, end))
  }

  override run(n: number, end: number): RecordBytes {
    if (this.#isCopying) return this.#copied(n, end)
    this.#isHeld = true
    return super.run(n, end)
  }

  #copied(n: number, end: number): RecordBytes {
    return this.#reading.consistently(() => {
      const source = this.#reading.source
      const { locator } = source
      const most = Math.max(1, Math.floor(RUN_BYTES / locator.addressing.stride))
      const found = locator.run(n, Math.min(end, n + most))
      if (found === undefined) throw noRecord(n, source)
      this.locatedAt = 0
      this.locatedBy = source.numbering
      this.runCount = locator.count
      return this.#copies.of(found, locator)
    })
  }
}

/** The copies that rows and walks stand on. */
class Copies {
  readonly #tokens: RecordBytes[] = []
  #next = 0

  /** A copy of what `locator.run` has just found in `source`; it begins with the record that was asked for. */
  of(source: RecordBytes, { at, count, addressing: { stride, recordSize } }: Locator): RecordBytes {
    const bytes = Buffer.from(source.bytes.subarray(at, at + (count - 1) * stride + recordSize))
    const token = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
    const oldest = this.#tokens[this.#next]
    if (oldest !== undefined) oldest.view = null
    this.#tokens[this.#next] = token
    this.#next = (this.#next + 1) % COPIES
    return token
  }

  end(): void {
    for (const token of this.#tokens) token.view = null
    this.#tokens.length = 0
    this.#next = 0
  }
}
