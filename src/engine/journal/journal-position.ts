/**
 * Where does a writer continue in a journal that another writer of the same turns has written?
 *
 *   JP1  a position names every frame in the file, so that neither frames nor zeros are written over one.
 * Using the slots: journal.ts. Its bytes: format/handover-format.ts.
 */

import type { JournalPosition } from '../format/handover-format.ts'

export interface Slot {
  readonly index: number
  /** Its size. */
  bytes: number
  /** Bytes from the slot's start that have disk blocks. */
  prepared: number
}

export interface Segment {
  readonly number: number
  readonly slot: Slot
  /** The start of the next group, bytes from the slot's start. */
  end: number
  /** The load of its frames; see FrameLoad. */
  changes: number
  inPlaceBytes: number
}

export function positionOf(
  salt: string,
  slots: readonly Slot[],
  active: Segment,
  older: readonly Segment[],
  reach: number,
): JournalPosition {
  const { changes, inPlaceBytes, slot } = active
  return {
    salt,
    activeSlot: slot.index,
    slots: slots.map(each => {
      const segment = [active, ...older].find(other => other.slot === each)
      return { segment: segment?.number ?? 0, end: segment?.end ?? 0, prepared: each.prepared }
    }),
    largeBytes: slots[2]?.bytes ?? 0,
    reach,
    changes,
    inPlaceBytes,
  }
}

/** @param slotBytes the size of slots 0 and 1 */
export function segmentsAt(
  { slots: given, activeSlot, largeBytes, changes, inPlaceBytes }: JournalPosition,
  slotBytes: number,
): { slots: Slot[]; active: Segment; older: Segment[] } {
  const slots = given.map(({ prepared }, index) => ({
    index,
    bytes: index === 2 ? largeBytes : slotBytes,
    prepared,
  }))
  const segments = given.flatMap(({ segment: number, end }, index) =>
    number === 0 ? [] : [{ number, slot: slots[index] as Slot, end, changes: 0, inPlaceBytes: 0 }],
  )
  const isActive = ({ slot }: Segment): boolean => slot.index === activeSlot
  const active = { ...(segments.find(isActive) as Segment), changes, inPlaceBytes }
  const older = segments.filter(each => !isActive(each)).sort((a, b) => a.number - b.number)
  return { slots, active, older }
}
