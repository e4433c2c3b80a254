/**
 * The net change of a row of commits: where the last image of each record is, or that it is deleted.
 *
 * Images stay in the bytes of the journal. A change takes 32 bytes of memory while changes are sorted, and 20 afterwards:
 * a journal may hold a hundred million of them, more than a Map takes.
 */

import type { PlacedChanges } from '../file/apply.ts'
import { corrupt } from '../format/identity.ts'
import type { CommitCounts } from '../format/root.ts'
import { HeapBytes } from '../records/heap-bytes.ts'
import type { Overlay } from '../records/overlay.ts'
import { sortedOrder } from '../records/radix-sort.ts'
import { changesOf, visitChanges } from './frame-read.ts'
import type { Frame } from './journal-scan.ts'

/** Numbers below the first and entries below the second fit into one double together. */
const PAIRED_NUMBERS = 2 ** 31
const PAIRED_ENTRIES = 2 ** 22
/** No image: the record is deleted. */
const NOWHERE = -1

/** Where images are: the bytes of a slot by their place in a list, and the position within. */
interface Places {
  readonly memories: readonly HeapBytes[]
  readonly memoryOf: Uint32Array
  readonly positions: Float64Array
}

export class NetChanges implements PlacedChanges, Overlay {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Ascending. */
  readonly numbers: Float64Array
  readonly #places: Places

  constructor({ commitNumber, size, deletedCount }: CommitCounts, numbers: Float64Array, places: Places) {
    this.commitNumber = commitNumber
    this.size = size
    this.deletedCount = deletedCount
    this.numbers = numbers
    this.#places = places
  }

  readonly sourceOf = (i: number): HeapBytes | undefined => {
    const { memories, memoryOf, positions } = this.#places
    return positions[i] === NOWHERE ? undefined : memories[memoryOf[i] as number]
  }
  readonly positionOf = (i: number): number => this.#places.positions[i] as number

  indexOf(n: number): number {
    const i = this.#firstFrom(n)
    return this.numbers[i] === n ? i : -1
  }

  after(n: number): number {
    return this.numbers[this.#firstFrom(n + 1)] ?? Number.POSITIVE_INFINITY
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
export function collapse(
  frames: readonly Frame[],
  recordSize: number,
  path: string,
  before: CommitCounts,
): NetChanges {
  const state = frames.at(-1)?.head ?? before
  const most = frames.reduce((sum, { head }) => sum + changesOf(head, recordSize), 0)
  const numbers = new Float64Array(most)
  const memories: HeapBytes[] = []
  const memoryOf = new Uint32Array(most)
  const positions = new Float64Array(most)
  let count = 0
  let isRising = true
  for (const { head, bytes, at } of frames) {
    // Frames of one segment share their bytes.
    if (memories.at(-1)?.bytes !== bytes) memories.push(new HeapBytes(bytes))
    const memory = memories.length - 1
    const isSound = visitChanges(bytes, at, head, recordSize, ({ recordNumber, imageAt }) => {
      if (count > 0 && recordNumber <= (numbers[count - 1] as number)) isRising = false
      numbers[count] = recordNumber
      memoryOf[count] = memory
      positions[count++] = imageAt
    })
    if (!isSound) throw corrupt(path, at, `commit ${head.commitNumber} contradicts itself`)
  }
  if (isRising) return new NetChanges(state, numbers, { memories, memoryOf, positions })
  const last = lastOfEach(numbers, state.size)
  const lastMemoryOf = new Uint32Array(last.numbers.length)
  const lastPositions = new Float64Array(last.numbers.length)
  for (let i = 0; i < lastPositions.length; i++) {
    const entry = last.entries[i] as number
    lastMemoryOf[i] = memoryOf[entry] as number
    lastPositions[i] = positions[entry] as number
  }
  return new NetChanges(state, last.numbers, { memories, memoryOf: lastMemoryOf, positions: lastPositions })
}

/** The different numbers of a list, ascending, all below `bound`, and where each stands last. */
export function lastOfEach(
  list: ArrayLike<number>,
  bound: number,
): { readonly numbers: Float64Array; readonly entries: Uint32Array } {
  const isPaired = bound <= PAIRED_NUMBERS && list.length <= PAIRED_ENTRIES
  const entries = isPaired ? orderByPairs(list) : orderByDigits(list)
  const numbers = new Float64Array(list.length)
  let count = 0
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as number
    const n = list[entry] as number
    // Of equal ones the last stands last.
    if (count > 0 && numbers[count - 1] === n) count--
    numbers[count] = n
    entries[count++] = entry
  }
  return { numbers: numbers.slice(0, count), entries: entries.subarray(0, count) }
}

/** Number and entry in one value: sorting brings both along. */
function orderByPairs(list: ArrayLike<number>): Uint32Array {
  const pairs = new Float64Array(list.length)
  for (let entry = 0; entry < pairs.length; entry++) {
    pairs[entry] = (list[entry] as number) * PAIRED_ENTRIES + entry
  }
  pairs.sort()
  const order = new Uint32Array(pairs.length)
  for (let i = 0; i < order.length; i++) order[i] = (pairs[i] as number) % PAIRED_ENTRIES
  return order
}

/** Digit by digit: time and memory in proportion to the length. */
function orderByDigits(list: ArrayLike<number>): Uint32Array {
  const high = new Uint32Array(list.length)
  const low = new Uint32Array(list.length)
  for (let i = 0; i < low.length; i++) {
    const n = list[i] as number
    high[i] = Math.floor(n / 2 ** 32)
    low[i] = n >>> 0
  }
  const sorting = sortedOrder({ columns: [high, low], count: low.length })
  for (;;) {
    const step = sorting.next()
    if (step.done === true) return step.value
  }
}
