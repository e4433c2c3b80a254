/**
 * The interface of the in-memory changes in which a record is looked for before the file.
 *
 * The changes of a store: staging.ts. The changes that a transaction of `begin()` sees: commit-view.ts.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { HeapBytes } from './heap-bytes.ts'

export interface RecordLayers {
  readonly recordSize: number
  /** Record numbers in use. */
  readonly size: number
  /** Records before this number may be in the file; only for these the deletion bits are read. */
  readonly baseSize: number
  /** Records from this number on are in the tail. */
  readonly tailStart: number
  readonly tail: HeapBytes
  /** Changes that hide records of the file; 0 if there are none. */
  readonly changeCount: number
  /** The slot of a changed record, negative for a deleted one; undefined if it is in the file or the tail. */
  find(n: number): number | undefined
  /** Like `find`, as of the last seal. */
  findSealed(n: number): number | undefined
  /** The memory of a slot's image, and the image's position there. Called right after `find`. */
  imageSource(slot: number): HeapBytes
  imageAt(slot: number): number
  /** A number above n, such that no record between n and that number is changed. Infinity if no record above n is. */
  unchangedBelow(n: number): number
  /** A token on these bytes. The next staged change sets its view to null. */
  tokenOn(memory: HeapBytes): RecordBytes
  /** Ends all tokens. */
  expire(): void
}

/** Layers in which changes can be staged. */
export interface ChangeableLayers extends RecordLayers {
  /** Stages a copy of the image at position 0 of `image`. `revives`: the record is deleted so far. @throws ERR_STRIDE_LIMIT */
  setImage(n: number, image: RecordBytes, revives: boolean): void
  /** Stages the deletion of a record. `wasLive`: the record is counted as live so far. */
  setDeleted(n: number, wasLive?: boolean): void
}
