/**
 * In which order are many records visited? In the given order, or in that of the file.
 *
 * Warm records in one window are fastest in the given order. If windows would slide, or pages come from the disk, records are visited
 * block by block in file order, so that each block is fetched once.
 */

import type { WindowPool } from '../../mmap/window-pool/window.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import type { ColdSampling } from './cold-sampling.ts'

const BLOCK_BYTES = 64 * 1024
const BLOCK_COUNT_MAX = 1 << 20
/** Fewer records than this are not worth an order of their own. */
const COUNT_MIN = 64
/** How many blocks are requested ahead of the visited one. */
const BLOCKS_AHEAD = 64

/** The file that records are visited in. */
export interface VisitedFile {
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly windowBytes: number
  readonly coldSampling: ColdSampling
}

/** Positions in a list of numbers, in the order in which the records are visited. */
export interface VisitOrder {
  readonly positions: Uint32Array
  /** Whether pages are expected to come from the disk, so that it is worth requesting them ahead. */
  readonly isCold: boolean
}

/**
 * Positions in `numbers`, sorted by the block of the file in which each record lies; undefined if the given order is as good. Counting
 * sort: O(n + blocks).
 * @param eachNs nanoseconds to read one record from memory, about
 */
export function fileOrder(
  numbers: ArrayLike<number>,
  { addressing, pool, windowBytes, coldSampling }: VisitedFile,
  size: number,
  eachNs: number,
): VisitOrder | undefined {
  const { length } = numbers
  if (length < COUNT_MIN || size === 0) return undefined
  const stride = Math.abs(addressing.stride)
  const fileBytes = size * stride
  const isCold = coldSampling.seemsCold(length, eachNs, i => {
    const n = numbers[i] as number
    return n >= 0 && n < size && !pool.isResident(offsetOf(addressing, Math.floor(n)))
  })
  if (fileBytes <= windowBytes && !isCold) return undefined

  const blockBytes = Math.max(BLOCK_BYTES, Math.ceil(fileBytes / BLOCK_COUNT_MAX))
  const recordsPerBlock = Math.max(1, Math.floor(blockBytes / stride))
  const blocks = Math.ceil(size / recordsPerBlock) + 1
  const starts = new Uint32Array(blocks + 1)
  const blockOf = (i: number): number => {
    const n = numbers[i] as number
    return n >= 0 && n < size ? Math.floor(n / recordsPerBlock) : blocks - 1
  }
  for (let i = 0; i < length; i++) (starts[blockOf(i) + 1] as number)++
  for (let b = 0; b < blocks; b++) (starts[b + 1] as number) += starts[b] as number
  const positions = new Uint32Array(length)
  for (let i = 0; i < length; i++) positions[(starts[blockOf(i)] as number)++] = i
  return { positions, isCold }
}

/** Requests pages ahead of a walk in file order, if they are cold: a request that is not needed costs a system call. */
export class ReadAhead {
  readonly #numbers: ArrayLike<number>
  readonly #order: Uint32Array
  readonly #isCold: boolean
  readonly #addressing: Addressing
  readonly #ask: (offset: number, length: number) => void
  #asked = 0
  #blockEnd = 0

  constructor(
    numbers: ArrayLike<number>,
    order: VisitOrder,
    addressing: Addressing,
    ask: (offset: number, length: number) => void,
  ) {
    this.#numbers = numbers
    this.#order = order.positions
    this.#isCold = order.isCold
    this.#addressing = addressing
    this.#ask = ask
  }

  /** Called before the walk visits order[position]. */
  before(position: number): void {
    if (!this.#isCold) return
    const until = Math.min(this.#order.length, position + BLOCKS_AHEAD)
    for (; this.#asked < until; this.#asked++) {
      const n = this.#numbers[this.#order[this.#asked] as number] as number
      if (!(n >= 0)) continue
      const offset = offsetOf(this.#addressing, Math.floor(n))
      if (offset < this.#blockEnd && offset >= this.#blockEnd - BLOCK_BYTES) continue
      const start = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES
      this.#blockEnd = start + BLOCK_BYTES
      this.#ask(start, BLOCK_BYTES)
    }
  }
}
