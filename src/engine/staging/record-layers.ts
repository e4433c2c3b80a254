/**
 * Which interface do changes over a file have, for finding a record? Changes in memory, and the end of the records.
 *
 * The changes of a store: staging.ts. Those that one transaction of `begin()` sees: commit-view.ts.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { HeapBytes } from './heap-bytes.ts'

export interface RecordLayers {
  readonly recordSize: number
  /** Record numbers in use. */
  readonly size: number
  /** Record numbers in use by what the file and its deletion bits are asked for. */
  readonly baseSize: number
  /** Records from this number on lie in the tail. */
  readonly tailStart: number
  readonly tail: HeapBytes
  /** Records that do not lie in the file as reads see them; 0 where there are none. */
  readonly changeCount: number
  /** The slot of a changed record, negative for a deleted one; undefined where it lies in the file or the tail. */
  find(n: number): number | undefined
  /** The same as of the last commit. */
  findSealed(n: number): number | undefined
  /** The memory that holds the image of a slot, and where in it; asked for right after `find`. */
  imageSource(slot: number): HeapBytes
  imageAt(slot: number): number
  /** A number above n below which no record from n + 1 on is changed; Infinity where there is none at all. */
  unchangedBelow(n: number): number
  /** What may be held across a change of these bytes: its view is null then. */
  tokenOn(memory: HeapBytes): RecordBytes
  /** Ends all tokens. */
  expire(): void
}

/** Layers that changes of records can be staged in. */
export interface ChangeableLayers extends RecordLayers {
  /** Stages a copy of an image, at position 0 of `image`. `revives`: the record is deleted as of now. @throws ERR_STRIDE_LIMIT */
  setImage(n: number, image: RecordBytes, revives: boolean): void
  /** Stages the deletion of a record. `wasLive`: it is counted as live as of now. */
  setDeleted(n: number, wasLive?: boolean): void
}
