/**
 * The net change of a row of commits: the last image of each record, or that it is deleted.
 */

import { corrupt } from '../header.ts'
import { readChanges } from './frame-read.ts'
import type { Frame } from './journal-scan.ts'

export interface NetChanges {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Changed record numbers, ascending. */
  readonly numbers: Float64Array
  /** The bytes of the i-th; undefined where it is deleted. */
  imageOf(i: number): Buffer | undefined
}

/** @throws ERR_STRIDE_CORRUPT where a whole frame makes no sense */
export function collapse(frames: readonly Frame[], recordSize: number, path: string): NetChanges {
  const entryOf = new Map<number, number>()
  const sources: Buffer[] = []
  const positions: number[] = []
  for (const { head, bytes, at } of frames) {
    const changes = readChanges(bytes, at, head, recordSize)
    if (changes === undefined) throw corrupt(path, at, `commit ${head.commitNumber} contradicts itself`)
    for (const { recordNumber, imageAt } of changes) {
      entryOf.set(recordNumber, sources.length)
      sources.push(bytes)
      positions.push(imageAt)
    }
  }
  const { commitNumber, size, deletedCount } = (frames.at(-1) as Frame).head
  const numbers = Float64Array.from(entryOf.keys()).sort()
  return {
    commitNumber,
    size,
    deletedCount,
    numbers,
    imageOf(i) {
      const entry = entryOf.get(numbers[i] as number) as number
      const at = positions[entry] as number
      return at < 0 ? undefined : (sources[entry] as Buffer).subarray(at, at + recordSize)
    },
  }
}
