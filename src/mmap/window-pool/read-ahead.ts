/**
 * How do pages get into memory before they are touched? Step by step ahead of a walk, or by prefetch off the event loop.
 *
 * Windows are advised 'random', since a lookup of one cold record would otherwise read 8 MiB. The part that a walk reads next is advised
 * 'sequential', so that the system reads ahead only there. Measured on 125 MB, cold: 1,800 ms without, 45 to 60 ms with it. Walks do
 * not populate pages (MADV_POPULATE_READ): on warm pages that took 10.6 ms instead of 7.1.
 */

import type { PlatformFile } from '../platform.ts'
import type { WindowSlot } from './window-slot.ts'

export interface ReadRange {
  readonly offset: number
  readonly length: number
}

/** A shorter walk counts as a lookup. */
export const WALK_BYTES_MIN = 128 * 1024
/** A walk asks for the next step after so many bytes. */
const STEP_BYTES = 4 * 1024 * 1024
/** Ranges with a smaller gap are read as one. */
const GAP_BYTES_MAX = 64 * 1024
/** How much is read with one call if no window is shown. */
const ASK_BYTES_MAX = 8 * 1024 * 1024

/** Prepares the next step of a walk at `offset`. @returns the offset up to which it may read before the next call */
export function advanceWalk(slot: WindowSlot, offset: number, length: number, ahead: number): number {
  const end = Math.min(slot.end, offset + Math.max(length, Math.min(ahead, STEP_BYTES)))
  const continues = slot.walkEnd > slot.walkStart && offset >= slot.walkStart && offset <= slot.walkEnd
  if (!continues || end > slot.walkEnd) {
    endWalk(slot)
    slot.walkStart = offset
    slot.walkEnd = end
    slot.region?.advise(offset - slot.start, end - offset, 'sequential')
  }
  return end
}

/** Ends the read-ahead of a walk, so that lookups read single pages again. */
export function endWalk(slot: WindowSlot): void {
  if (slot.walkEnd > slot.walkStart) {
    slot.region?.advise(slot.walkStart - slot.start, slot.walkEnd - slot.walkStart, 'random')
  }
  slot.walkStart = slot.walkEnd
}

/** A pool, as far as prefetching needs it. */
export interface PrefetchSource {
  readonly windowBytes: number
  readonly file: PlatformFile
  /** Readable end of the file; 0 once the pool is closed. */
  end(): number
  /** The slot that shows window k, if it can be shown without dropping another window. */
  slotAt(k: number): WindowSlot | undefined
}

/** Populates the pages of ranges, window by window. Resolves early if the pool is closed. */
export async function prefetchWindows(ranges: readonly ReadRange[], source: PrefetchSource): Promise<void> {
  for (const { offset, length } of coalesce(ranges)) {
    const { windowBytes } = source
    let at = offset
    while (at < Math.min(offset + length, source.end())) {
      const k = Math.floor(at / windowBytes)
      const stop = Math.min(offset + length, source.end(), (k + 1) * windowBytes)
      await bringIn(source, k, at, stop - at)
      at = stop
    }
  }
}

async function bringIn(source: PrefetchSource, k: number, offset: number, length: number): Promise<void> {
  const slot = source.slotAt(k)
  if (slot?.region !== undefined && offset + length <= slot.end) {
    const { region } = slot
    slot.pins++
    try {
      await region.populateAsync(offset - slot.start, length)
    } catch (error) {
      if (source.end() !== 0) throw error
    } finally {
      if (slot.region === region && slot.pins > 0) slot.pins--
    }
    return
  }
  for (let done = 0; done < length && source.end() > 0; done += ASK_BYTES_MAX) {
    source.file.readAhead(offset + done, Math.min(ASK_BYTES_MAX, length - done))
    await new Promise<void>(resolve => setImmediate(resolve))
  }
}

/** The ranges in ascending order, near ones joined. */
export function coalesce(ranges: readonly ReadRange[]): ReadRange[] {
  const joined: { offset: number; length: number }[] = []
  for (const { offset, length } of ranges) {
    const last = joined.at(-1)
    if (last !== undefined && offset >= last.offset && offset <= last.offset + last.length + GAP_BYTES_MAX) {
      last.length = Math.max(last.length, offset + length - last.offset)
    } else if (length > 0) {
      joined.push({ offset, length })
    }
  }
  return joined
}
