/**
 * The net change of a row of commits: the last image of each record, or that it is deleted.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { PlacedChanges } from '../apply.ts'
import type { CommitCounts } from '../checkpointer.ts'
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

/** Numbers below the first and entries below the second fit into one double together. */
const PAIRED_NUMBERS = 2 ** 31
const PAIRED_ENTRIES = 2 ** 22

/** @param before what is committed without them @throws ERR_STRIDE_CORRUPT where a whole frame makes no sense */
export function collapse(
  frames: readonly Frame[],
  recordSize: number,
  path: string,
  before: CommitCounts,
): NetChanges {
  const changed: number[] = []
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
      changed.push(recordNumber)
      sources.push(source)
      positions.push(imageAt)
    }
  }
  const { commitNumber, size, deletedCount } = frames.at(-1)?.head ?? before
  const { numbers, entries } = lastOfEach(changed, size)
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

/** The different numbers of a list, ascending, all below `bound`, and where each stands last. */
export function lastOfEach(
  list: readonly number[],
  bound: number,
): { readonly numbers: Float64Array; readonly entries: ArrayLike<number> } {
  if (bound > PAIRED_NUMBERS || list.length > PAIRED_ENTRIES) {
    const lastOf = new Map(list.map((n, entry) => [n, entry]))
    const numbers = Float64Array.from(lastOf.keys()).sort()
    return { numbers, entries: numbers.map(n => lastOf.get(n) as number) }
  }
  // Number and entry in one value: sorting brings both along, and is quicker than a map.
  const pairs = Float64Array.from(list, (n, entry) => n * PAIRED_ENTRIES + entry).sort()
  const entries = new Uint32Array(pairs.length)
  let count = 0
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i] as number
    const n = Math.floor(pair / PAIRED_ENTRIES)
    if (count > 0 && pairs[count - 1] === n) count--
    entries[count] = pair - n * PAIRED_ENTRIES
    pairs[count++] = n
  }
  return { numbers: pairs.slice(0, count), entries }
}
