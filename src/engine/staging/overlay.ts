/**
 * What is an overlay? Changes from a journal that the file lacks. They lie over the file, and below all staged changes.
 *
 * A reader has them until a writer has recovered, a writer until its recovery is through (journal/net-changes.ts).
 */

import { InvariantError } from '../../errors.ts'
import type { HeapBytes } from './heap-bytes.ts'

/** Changes by rising record numbers, in memory of their own. */
export interface Overlay {
  readonly numbers: ArrayLike<number>
  /** Which of them is record n's; -1 for none. */
  indexOf(n: number): number
  /** The lowest changed record number above n; Infinity for none. */
  after(n: number): number
  /** Whether change i is a deletion. */
  isDeleted(i: number): boolean
  /** What holds the image; undefined where the record is deleted. */
  sourceOf(i: number): HeapBytes | undefined
  positionOf(i: number): number
}

/** Slots of an overlay's images begin here. */
export const OVERLAY_SLOTS = 2 ** 40
const OVERLAY_DELETION = -OVERLAY_SLOTS

/** The slot of record n, negative for a deleted one; undefined where the overlay does not have it. */
export function overlaidSlot(overlay: Overlay, n: number): number | undefined {
  const i = overlay.indexOf(n)
  if (i < 0) return undefined
  return overlay.isDeleted(i) ? OVERLAY_DELETION : OVERLAY_SLOTS + i
}

export function overlaidImage(overlay: Overlay | undefined, slot: number): HeapBytes {
  const source = overlay?.sourceOf(slot - OVERLAY_SLOTS)
  if (source === undefined) throw new InvariantError(`no image lies over the file in slot ${slot}`)
  return source
}
