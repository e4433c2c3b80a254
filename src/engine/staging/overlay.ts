/**
 * An overlay: changes from a journal that are not in the file yet. They hide records of the file; staged changes hide them.
 *
 * A reader uses one until a writer has recovered the store, a writer until its recovery has finished (journal/net-changes.ts).
 */

import { InvariantError } from '../../errors.ts'
import type { HeapBytes } from './heap-bytes.ts'

/** Changes in ascending order of their record numbers, in memory of their own. */
export interface Overlay {
  readonly numbers: ArrayLike<number>
  /** The index of record n's change; -1 if there is none. */
  indexOf(n: number): number
  /** The lowest changed record number above n; Infinity if there is none. */
  after(n: number): number
  /** Whether change i is a deletion. */
  isDeleted(i: number): boolean
  /** The memory of the image; undefined if the record is deleted. */
  sourceOf(i: number): HeapBytes | undefined
  positionOf(i: number): number
}

/** Slots of an overlay's images begin here. */
export const OVERLAY_SLOTS = 2 ** 40
const OVERLAY_DELETION = -OVERLAY_SLOTS

/** The slot of record n, negative for a deleted one; undefined if the overlay does not change it. */
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
