/**
 * The changes of a journal, grouped by record, in commit order.
 *
 *   CB1  only positions of changes are kept in memory; the changes are read from the journal again when needed (journal-bytes.ts). A change
 *        takes 16 bytes while changes are sorted and 8 afterwards, twice that if record numbers or the journal exceed 2^32.
 *   CB2  the work yields after some thousand changes, however short the frames are.
 * Replaying them: net-changes.ts, in-place.ts.
 */

import { corrupt } from '../format/identity.ts'
import { firstFrom, grouped, type NumberedGroups, type Numbers, numbersBelow } from '../numbers/sort-changes.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { type Change, ChangeReader } from './change-reader.ts'
import { changesInSteps, FRAMES_A_STEP } from './frame-read.ts'
import type { JournalBytes } from './journal-bytes.ts'
import type { JournalScan } from './journal-scan.ts'

export class ChangesByRecord {
  /** The record numbers, ascending. */
  readonly numbers: Numbers
  /** Undefined if there are no changes. */
  readonly bytes: JournalBytes | undefined
  /** The positions of the changes, record after record. For an appended image it is the position plus the journal's size. */
  readonly #places: Numbers
  readonly #firsts: Numbers | undefined
  readonly #change: ChangeReader | undefined

  constructor(
    { numbers, values, firsts }: NumberedGroups,
    bytes: JournalBytes | undefined,
    recordSize: number,
  ) {
    this.numbers = numbers
    this.bytes = bytes
    this.#places = values
    this.#firsts = firsts
    this.#change = bytes === undefined ? undefined : new ChangeReader(bytes, recordSize)
  }

  /** The count of changes of record i, at least one. */
  countOf(i: number): number {
    return this.#firstOf(i + 1) - this.#firstOf(i)
  }

  /** Change k of record i, from 0 on. Each call returns the same object, valid until the next call. */
  changeOf(i: number, k: number): Change {
    const change = this.#change as ChangeReader
    const { size } = this.bytes as JournalBytes
    const place = this.#places[this.#firstOf(i) + k] as number
    if (place >= size) change.readAppended(this.numbers[i] as number, place - size)
    else change.read(place, size)
    return change
  }
  lastOf(i: number): Change {
    return this.changeOf(i, this.countOf(i) - 1)
  }

  /** The index of the first record that is not below n. */
  firstFrom(n: number): number {
    return firstFrom(this.numbers, n)
  }

  #firstOf(i: number): number {
    return this.#firsts === undefined ? i : (this.#firsts[i] as number)
  }
}

/**
 * Groups the changes of a scanned journal.
 * @param path for errors
 * @param part the lowest commit number and the lowest record number to include
 * @throws ERR_STRIDE_CORRUPT if a frame with right checksums is invalid; _IO
 */
export function* changesByRecord(
  { bytes, changes, frames, last }: JournalScan,
  recordSize: number,
  path: string,
  part = { commitNumber: 0, start: 0 },
): QuietSteps<ChangesByRecord> {
  const size = bytes?.size ?? 0
  const numbersEnd = last?.size ?? 0
  const numbers = numbersBelow(numbersEnd, changes)
  const places = numbersBelow(2 * size, changes)
  let count = 0
  for (const frame of frames()) {
    if (frame.head.commitNumber < part.commitNumber) continue
    const isSound = yield* changesInSteps(frame, recordSize, ({ recordNumber, at, imageAt }) => {
      if (recordNumber < part.start) return
      numbers[count] = recordNumber
      places[count++] = at === imageAt ? size + at : at
    })
    if (!isSound) throw corrupt(path, frame.at, `commit ${frame.head.commitNumber} contradicts itself`)
    if (frame.head.commitNumber % FRAMES_A_STEP === 0) yield
  }
  const list = { numbers: numbers.subarray(0, count), values: places.subarray(0, count) }
  return new ChangesByRecord(yield* grouped(list, numbersEnd), bytes, recordSize)
}
