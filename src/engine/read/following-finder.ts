/**
 * How do rows and walks find records beside a writer of another process?
 *
 * On mapped memory a row could show a record while the writer stores it: half of a field, or half of a record.
 *   RF1  rows and walks use copies of records. The writer's sequence is compared before and after copying, so a copy is of one commit.
 *   RF2  a copy ends when its buffer is used again, when something changes (a newer commit was seen, the store was closed or compacted),
 *        and at the end of the turn. A row or walk then finds its record again.
 *   RF3  a walk copies ahead, twice as much each time, and less again after a change.
 * Which commit is seen, and when a reading is repeated: consistent-reads.ts.
 */

import { atTurnEnd, type TurnBound } from '../../mmap/event-loop-turn.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { ReaderBase, RecordBytes } from '../../schema/index.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import { noRecord } from '../numbers/record-numbers.ts'
import type { Follower } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import type { Holding } from './consistent-reads.ts'
import { type FindableReading, RecordFinder } from './record-finder.ts'

/** How many copies are valid at the same time. So many rows and walks may be used in turn without copying again. */
const COPIES = 16
/** How much a walk copies at once: the first time; the largest amount follows. */
const RUN_BYTES_MIN = 4 * 1024
const RUN_BYTES_MAX = 64 * 1024

/** A reading beside another writer. */
interface FollowedReading extends FindableReading {
  readonly follower: Pick<Follower, 'sequence'> | undefined
  readonly following: Pick<Holding, 'sequence'> | undefined
  /** Runs a short reading again until no commit came between. */
  consistently<T>(read: () => T): T
  /** Calls `changed` whenever a record that was found may have changed. There is one caller. */
  onChange(changed: () => void): void
}

export class FollowingFinder extends RecordFinder {
  readonly #reading: FollowedReading
  readonly #copies = new Copies()
  #runBytes = RUN_BYTES_MIN
  /** The run that `nextLive` copied for `run`, and its first record. */
  #ahead: RecordBytes | undefined
  #aheadOf = 0
  #isTogether = false

  constructor(reading: FollowedReading, reader: ReaderBase) {
    super(reading, reader)
    this.#reading = reading
    reading.onChange(() => {
      this.#copies.end()
      this.#runBytes = RUN_BYTES_MIN
    })
  }

  override together<T>(read: () => T): T {
    // Earlier copies may be of another commit, and those of this reading may be of a held one.
    this.#copies.end()
    const isWithin = this.#isTogether
    this.#isTogether = true
    try {
      return read()
    } finally {
      this.#isTogether = isWithin
      this.#copies.end()
    }
  }

  override locate(n: number): RecordBytes {
    checkRecordNumber(n)
    return this.#copied(n, 1)
  }

  /** Also copies the run that begins there, since a commit before the call of `run` might delete that record. */
  override nextLive(n: number, end: number): number {
    const most = Math.max(1, Math.floor(this.#runBytes / this.stride))
    this.#runBytes = Math.min(RUN_BYTES_MAX, this.#runBytes * 2)
    return this.#reading.consistently(() => {
      const live = super.nextLive(n, end)
      this.#aheadOf = live
      this.#ahead = live < end ? this.#copy(live, Math.min(end - live, most)) : undefined
      return live
    })
  }

  override run(n: number, end: number): RecordBytes {
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead !== undefined && this.#aheadOf === n ? ahead : this.#copied(n, end - n)
  }

  #copied(n: number, count: number): RecordBytes {
    const quick = this.#isTogether ? undefined : this.#tryCopy(n, count)
    return quick ?? this.#copyConsistently(n, count)
  }

  /** The usual case of `consistently`, without its closures: no commit comes between. */
  #tryCopy(n: number, count: number): RecordBytes | undefined {
    const reading = this.#reading
    reading.prepare()
    const { follower, following } = reading
    try {
      const copy = this.#copy(n, count)
      return follower?.sequence() === following?.sequence ? copy : undefined
    } catch {
      // It may be damage, a commit that came between, or an absent record. Reading again decides.
      return undefined
    }
  }

  // Not inside the methods above: a closure over their arguments would cost each call an allocation.
  #copyConsistently(n: number, count: number): RecordBytes {
    return this.#reading.consistently(() => this.#copy(n, count))
  }

  #copy(n: number, count: number): RecordBytes {
    const source = this.#reading.source
    const { locator } = source
    const found = locator.run(n, n + count)
    if (found === undefined) throw noRecord(n, source)
    this.locatedAt = 0
    this.locatedBy = source.numbering
    this.runCount = locator.count
    return this.#copies.of(found, locator)
  }
}

/** The memory of one copy, and the token on its content. */
class Copy {
  #memory = over(Buffer.alloc(0))
  #token: RecordBytes | undefined

  of(source: RecordBytes, at: number, length: number): RecordBytes {
    this.end()
    if (this.#memory.bytes.length < length) this.#memory = over(Buffer.allocUnsafeSlow(length))
    copyBytes(source, at, this.#memory, 0, length)
    this.#token = { view: this.#memory.view, bytes: this.#memory.bytes }
    return this.#token
  }

  end(): void {
    if (this.#token !== undefined) this.#token.view = null
    this.#token = undefined
  }
}

function over(bytes: Buffer): RecordBytes {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
}

/** The copies that rows and walks use. */
class Copies implements TurnBound {
  readonly #copies: Copy[] = []
  #next = 0
  #isTurnOpen = false

  /** Copies the run that `locator.run` has just found in `source`, from the requested record on. */
  of(
    source: RecordBytes,
    { at, count, addressing: { stride, recordSize } }: Locator<RecordLayers>,
  ): RecordBytes {
    if (!this.#isTurnOpen) atTurnEnd(this)
    this.#isTurnOpen = true
    let copy = this.#copies[this.#next]
    if (copy === undefined) this.#copies.push((copy = new Copy()))
    this.#next = (this.#next + 1) % COPIES
    return copy.of(source, at, (count - 1) * stride + recordSize)
  }

  end(): void {
    for (const copy of this.#copies) copy.end()
  }

  endTurn(): void {
    this.#isTurnOpen = false
    this.end()
  }
}
