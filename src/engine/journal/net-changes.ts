/**
 * The net change of a row of commits: where the last image of each record is, or that it is deleted.
 *
 *   NE1  images stay in the journal, and are read again when they are asked for (journal-bytes.ts). A change takes 16 bytes of memory
 *        while changes are sorted and 8 afterwards, twice that where record numbers or the journal go beyond 2^32.
 *   NE2  the work stops after some thousand changes.
 */

import type { PlacedChanges } from '../file/apply.ts'
import type { QuietSteps } from '../file/steps.ts'
import { corrupt } from '../format/identity.ts'
import type { CommitCounts } from '../format/root.ts'
import type { HeapBytes } from '../records/heap-bytes.ts'
import type { Overlay } from '../records/overlay.ts'
import { changesInSteps } from './frame-read.ts'
import type { JournalBytes } from './journal-bytes.ts'
import type { JournalScan } from './journal-scan.ts'
import { type NumberedList, type Numbers, numbersBelow, oneOfEach } from './sort-changes.ts'

/** No image: the record is deleted. A journal's header lies there. */
const NOWHERE = 0

/** Where images are. */
interface Images {
  readonly bytes: JournalBytes | undefined
  readonly recordSize: number
}

export class NetChanges implements PlacedChanges, Overlay {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Ascending. */
  readonly numbers: Numbers
  readonly #positions: Numbers
  readonly #images: Images

  constructor({ commitNumber, size, deletedCount }: CommitCounts, list: NumberedList, images: Images) {
    this.commitNumber = commitNumber
    this.size = size
    this.deletedCount = deletedCount
    this.numbers = list.numbers
    this.#positions = list.values
    this.#images = images
  }

  isDeleted(i: number): boolean {
    return this.#positions[i] === NOWHERE
  }

  readonly sourceOf = (i: number): HeapBytes | undefined => {
    const { bytes, recordSize } = this.#images
    const position = this.#positions[i] as number
    return position === NOWHERE ? undefined : bytes?.find(position, recordSize)
  }
  readonly positionOf = (i: number): number => {
    const { bytes, recordSize } = this.#images
    return bytes?.atOf(this.#positions[i] as number, recordSize) ?? 0
  }

  indexOf(n: number): number {
    const i = this.#firstFrom(n)
    return this.numbers[i] === n ? i : -1
  }

  after(n: number): number {
    return this.numbers[this.#firstFrom(n + 1)] ?? Number.POSITIVE_INFINITY
  }

  /** Lets go of the journal. */
  close(): void {
    this.#images.bytes?.close()
  }

  #firstFrom(n: number): number {
    let low = 0
    let high = this.numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.numbers[middle] as number) < n) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** @param before what is committed without them @throws ERR_STRIDE_CORRUPT where a whole frame makes no sense */
export function* collapse(
  { bytes, changes, frames, last }: JournalScan,
  recordSize: number,
  path: string,
  before: CommitCounts,
): QuietSteps<NetChanges> {
  const state = last ?? before
  const numbers = numbersBelow(state.size, changes)
  const positions = numbersBelow(bytes?.size ?? 0, changes)
  let count = 0
  for (const frame of frames()) {
    const isSound = yield* changesInSteps(frame, recordSize, ({ recordNumber, isDeleted, imageAt }) => {
      numbers[count] = recordNumber
      positions[count++] = isDeleted ? NOWHERE : imageAt
    })
    if (!isSound) throw corrupt(path, frame.at, `commit ${frame.head.commitNumber} contradicts itself`)
  }
  const list = { numbers: numbers.subarray(0, count), values: positions.subarray(0, count) }
  return new NetChanges(state, yield* oneOfEach(list, state.size, 'last'), { bytes, recordSize })
}
