/**
 * How does a writer by turns hand the open store over to the next one? By a record in the lock file that says where to continue.
 *
 *   HV1  the record is stored when everything is in the file and nothing has failed, and removed before anything changes. Without it the
 *        next writer recovers, as after a crash.
 *   HV2  it counts only while its holder lives, who locks a byte of its own for it, at a random place. A record that a crash of the system
 *        left therefore never counts.
 *   HV3  it counts only for the shared words that it names: a writer that knows no handovers has changed them.
 * The bytes: format/handover-format.ts. The locks: locks.ts.
 */

import { randomInt } from 'node:crypto'
import type { PlatformFile, SharedWords } from '../../mmap/platform.ts'
import { HANDOVER, isPosition, type JournalPosition } from '../format/handover-format.ts'
import { FIRST_HOLDER_BYTE, HANDOVER_OFFSET, HOLDER_MAX } from '../format/lock-file.ts'
import { SHARED_WORDS } from '../format/store-format.ts'

/** Where the next writer continues. */
export interface Handover {
  readonly commitNumber: number
  readonly rootNumber: number
  readonly sequence: number
  readonly writerGeneration: number
  /** Undefined if there is no journal. */
  readonly journal: JournalPosition | undefined
}

const NO_SALT = '0'.repeat(16)
const NO_SLOT = { segment: 0, end: 0, prepared: 0 }

/** The record, as one opener of the lock file sees it. */
export class HandoverRecord {
  readonly #file: PlatformFile
  /** The random number of this opener; 0 before its first handover. */
  #own = 0

  constructor(file: PlatformFile) {
    this.#file = file
  }

  /** Called while this opener still has the writer's lock. */
  store(handover: Handover): void {
    this.#file.store(HANDOVER.encode(valuesOf(handover, this.#holder())), HANDOVER_OFFSET)
  }
  remove(): void {
    this.#file.store(new Uint8Array(HANDOVER.size), HANDOVER_OFFSET)
  }

  /** The record, if it counts (HV2). */
  read(): Handover | undefined {
    const values = this.#values()
    if (values === undefined) return undefined
    const isAlive = values.holder === this.#own || this.#file.isLocked(FIRST_HOLDER_BYTE + values.holder)
    return isAlive ? handoverOf(values) : undefined
  }
  /** Whether the record is that of this opener. */
  get isOwn(): boolean {
    return this.#own > 0 && this.#values()?.holder === this.#own
  }

  #values(): Values | undefined {
    const bytes = new Uint8Array(HANDOVER.size)
    if (this.#file.read(bytes, HANDOVER_OFFSET) < bytes.length) return undefined
    const values = HANDOVER.decode(bytes)
    const isHeld = values.holder > 0 && values.holder < HOLDER_MAX
    return isHeld && HANDOVER.isIntact(bytes) ? values : undefined
  }

  #holder(): number {
    if (this.#own === 0) {
      const holder = randomInt(1, HOLDER_MAX - 1)
      // Two openers with one number are as good as impossible. The record would then count longer than its holder lives.
      if (this.#file.tryLock(FIRST_HOLDER_BYTE + holder, 'exclusive')) this.#own = holder
    }
    return this.#own
  }
}

/** Whether the shared words are those of the handover (HV3). */
export function areWordsOf({ sequence, writerGeneration }: Handover, words: SharedWords): boolean {
  return (
    words.load(SHARED_WORDS.sequence) === sequence &&
    (sequence & 1) === 0 &&
    words.load(SHARED_WORDS.writerGeneration) === writerGeneration &&
    words.load(SHARED_WORDS.superseded) === 0
  )
}

type Values = ReturnType<typeof HANDOVER.decode>

function valuesOf(handover: Handover, holder: number): Values {
  const { commitNumber, rootNumber, sequence, writerGeneration, journal } = handover
  const [slot0 = NO_SLOT, slot1 = NO_SLOT, slot2 = NO_SLOT] = journal?.slots ?? []
  return {
    holder,
    commitNumber,
    rootNumber,
    sequence: sequence >>> 0,
    writerGeneration: writerGeneration >>> 0,
    journalSalt: Buffer.from(journal?.salt ?? NO_SALT, 'hex'),
    activeSlot: journal?.activeSlot ?? 0,
    slot0Segment: slot0.segment,
    slot1Segment: slot1.segment,
    slot2Segment: slot2.segment,
    slot0End: slot0.end,
    slot1End: slot1.end,
    slot2End: slot2.end,
    slot0Prepared: slot0.prepared,
    slot1Prepared: slot1.prepared,
    slot2Prepared: slot2.prepared,
    slot2Bytes: journal?.largeBytes ?? 0,
    reach: journal?.reach ?? 0,
    changes: journal?.changes ?? 0,
    inPlaceBytes: journal?.inPlaceBytes ?? 0,
  }
}

function handoverOf(values: Values): Handover | undefined {
  const { commitNumber, rootNumber, activeSlot, slot2Bytes: largeBytes, reach, changes, inPlaceBytes } = values
  const salt = Buffer.from(values.journalSalt).toString('hex')
  const slots = [
    { segment: values.slot0Segment, end: values.slot0End, prepared: values.slot0Prepared },
    { segment: values.slot1Segment, end: values.slot1End, prepared: values.slot1Prepared },
    { segment: values.slot2Segment, end: values.slot2End, prepared: values.slot2Prepared },
  ]
  const position = { salt, activeSlot, slots, largeBytes, reach, changes, inPlaceBytes }
  if (salt !== NO_SALT && !isPosition(position)) return undefined
  return {
    commitNumber,
    rootNumber,
    sequence: values.sequence | 0,
    writerGeneration: values.writerGeneration | 0,
    journal: salt === NO_SALT ? undefined : position,
  }
}
