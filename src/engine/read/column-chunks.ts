/**
 * How are columns of all live records read a few thousand records at a time?
 *
 *   QK1  each chunk has the same records in every column. Chunks follow in number order, and have each live record once.
 *   QK2  over a snapshot all chunks are of one commit. Over anything else each chunk shows the records as they are when it is read.
 * One whole column: gather.ts.
 */

import type { AnySchema, Column } from '../../schema/index.ts'
import { AT_ONCE, gatherRuns, PIECE_RECORDS } from './gather.ts'
import { readingOf } from './point-reader.ts'
import type { Reading } from './reading.ts'
import type { RecordSet } from './record-set.ts'

/** The array of a column, with room for the records of a chunk. */
export type ChunkArray = ReturnType<Column['allocate']>

export class ColumnChunks<S extends AnySchema> {
  readonly #reading: Reading<S>
  readonly #columns: readonly Column[]
  readonly #records: number
  readonly #end: number
  #next = 0
  /** The arrays of the columns, which every chunk fills again. */
  readonly arrays: readonly ChunkArray[]

  /**
   * @param names fields by their paths @param records the largest number of records in a chunk
   * @throws ERR_STRIDE_CLOSED; RangeError for an unknown field
   */
  constructor(set: RecordSet<S>, names: readonly string[], records: number) {
    this.#reading = readingOf(set)
    this.#columns = names.map(name => this.#reading.source.codec.column(name))
    this.#records = records
    this.#end = set.size
    this.arrays = this.#columns.map(column => column.allocate(records))
  }

  /** Reads the next chunk. @returns how many records it has, 0 behind the last one @throws as `gather` */
  next(): number {
    this.#reading.prepareBulk()
    const { filled, next } = this.#reading.together(() => this.#read(this.#next))
    this.#next = next
    return filled
  }

  #read(start: number): { readonly filled: number; readonly next: number } {
    let from = start
    let filled = 0
    while (filled < this.#records && from < this.#end) {
      const to = Math.min(this.#end, from + this.#pieceRecords(this.#records - filled))
      filled = this.#reading.consistently(() => this.#readPiece(from, to, filled))
      from = to
    }
    return { filled, next: from }
  }

  /** @returns how many records of the chunk are filled */
  #readPiece(from: number, to: number, alreadyFilled: number): number {
    const { locator } = this.#reading.source
    if (this.#columns.length === 0) return alreadyFilled + countLive(locator, from, to)
    let filled = alreadyFilled
    for (const [i, column] of this.#columns.entries()) {
      filled = gatherRuns(locator, column, from, to, this.arrays[i] as ChunkArray, alreadyFilled)
    }
    return filled
  }

  #pieceRecords(left: number): number {
    const { follower, pool } = this.#reading.source
    const most = follower === undefined ? AT_ONCE.records : PIECE_RECORDS[pool.live ? 'mapped' : 'copied']
    return Math.min(left, most)
  }
}

function countLive(locator: Reading<AnySchema>['source']['locator'], from: number, to: number): number {
  let count = 0
  for (let n = locator.nextLive(from, to); n < to; n = locator.nextLive(n + 1, to)) count++
  return count
}
