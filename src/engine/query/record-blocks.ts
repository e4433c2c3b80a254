/**
 * How does a query walk over records? Block by block, as they lie in windows or among staged changes.
 *
 *   QB1  live records only, in number order or in the order of a list of numbers, staged changes included.
 *   QB2  beside a writer of another process each piece is copied until no commit came between, so that a block is never torn.
 */

import { BLOCK_RECORDS, type RecordBlock } from '../../query/record-block.ts'
import type { AnySchema } from '../../schema/index.ts'
import { PIECE_RECORDS } from '../read/gather.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordLayers } from '../staging/record-layers.ts'

/** Looks at a block. @returns false to end the walk */
export type LookAt = (block: RecordBlock) => boolean

/** The live records of [from, to), in number order. */
export function eachBlock<S extends AnySchema>(
  reading: Reading<S, RecordLayers>,
  from: number,
  to: number,
  look: LookAt,
): void {
  if (reading.source.follower !== undefined) eachCopiedBlock(reading, from, to, look)
  else walk(reading, from, to, look)
}

/** The live records among `numbers`, in that order. */
export function eachOf<S extends AnySchema>(
  reading: Reading<S, RecordLayers>,
  numbers: ArrayLike<number>,
  look: LookAt,
): void {
  const isFollowing = reading.source.follower !== undefined
  const { recordSize } = reading.source.addressing
  for (let i = 0; i < numbers.length; i++) {
    const n = numbers[i] as number
    const block = isFollowing
      ? reading.consistently(() => copyOf(one(reading, n), recordSize))
      : one(reading, n)
    if (block !== undefined && !look(block)) return
  }
}

function one<S extends AnySchema>(reading: Reading<S, RecordLayers>, n: number): RecordBlock | undefined {
  const { locator } = reading.source
  const source = locator.find(n)
  if (source === undefined) return undefined
  return { view: source.view as DataView, bytes: source.bytes, at: locator.at, count: 1, first: n }
}

function walk<S extends AnySchema>(
  { source: { locator } }: Reading<S, RecordLayers>,
  from: number,
  to: number,
  look: LookAt,
): void {
  for (let n = locator.nextLive(from, to); n < to; n = locator.nextLive(n, to)) {
    const source = locator.run(n, Math.min(to, n + BLOCK_RECORDS))
    if (source === undefined) return
    const { at, count } = locator
    if (!look({ view: source.view as DataView, bytes: source.bytes, at, count, first: n })) return
    n += count
  }
}

function eachCopiedBlock<S extends AnySchema>(
  reading: Reading<S, RecordLayers>,
  from: number,
  to: number,
  look: LookAt,
): void {
  const { pool } = reading.source
  const piece = pool.live ? PIECE_RECORDS.mapped : PIECE_RECORDS.copied
  for (let start = from; start < to; start += piece) {
    const end = Math.min(to, start + piece)
    const blocks = reading.consistently(() => {
      const copies: RecordBlock[] = []
      const { recordSize } = reading.source.addressing
      const bytes = Buffer.allocUnsafeSlow((end - start) * recordSize)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let at = 0
      walk(reading, start, end, block => {
        const length = block.count * recordSize
        bytes.set(block.bytes.subarray(block.at, block.at + length), at)
        copies.push({ view, bytes, at, count: block.count, first: block.first })
        at += length
        return true
      })
      return copies
    })
    for (const block of blocks) if (!look(block)) return
  }
}

/** A copy of a block of one record, made before a commit is looked for. */
function copyOf(block: RecordBlock | undefined, recordSize: number): RecordBlock | undefined {
  if (block === undefined) return undefined
  const bytes = Buffer.allocUnsafeSlow(recordSize)
  bytes.set(block.bytes.subarray(block.at, block.at + recordSize))
  return { ...block, bytes, view: new DataView(bytes.buffer), at: 0 }
}
