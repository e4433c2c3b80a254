/**
 * The net change of a row of commits: the last image of each record, or that it is deleted.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { PlacedChanges } from '../apply.ts'
import { corrupt } from '../header.ts'
import { readChanges } from './frame-read.ts'
import type { Frame } from './journal-scan.ts'

export interface NetChanges extends PlacedChanges {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Ascending. */
  readonly numbers: Float64Array
}

/** @throws ERR_STRIDE_CORRUPT where a whole frame makes no sense */
export function collapse(frames: readonly Frame[], recordSize: number, path: string): NetChanges {
  const entryOf = new Map<number, number>()
  const sources: RecordBytes[] = []
  const positions: number[] = []
  let source: RecordBytes = { view: null, bytes: Buffer.alloc(0) }
  for (const { head, bytes, at } of frames) {
    // Frames of one segment share their bytes.
    if (source.bytes !== bytes) {
      source = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
    }
    const changes = readChanges(bytes, at, head, recordSize)
    if (changes === undefined) throw corrupt(path, at, `commit ${head.commitNumber} contradicts itself`)
    for (const { recordNumber, imageAt } of changes) {
      entryOf.set(recordNumber, sources.length)
      sources.push(source)
      positions.push(imageAt)
    }
  }
  const { commitNumber, size, deletedCount } = (frames.at(-1) as Frame).head
  const numbers = Float64Array.from(entryOf.keys()).sort()
  const entries = numbers.map(n => entryOf.get(n) as number)
  return {
    commitNumber,
    size,
    deletedCount,
    numbers,
    sourceOf: i =>
      (positions[entries[i] as number] as number) < 0 ? undefined : sources[entries[i] as number],
    positionOf: i => positions[entries[i] as number] as number,
  }
}
