/**
 * What does a writer by turns tell the next one? A record in the lock file, behind the queue, as a table.
 *
 * Its place: lock-file.ts. When it counts: sharing/handover.ts. docs/format.md is rendered from this table.
 */

import { BLOCK_BYTES } from './journal-format.ts'
import { defineStruct } from './struct.ts'

/** The segments and slots of a journal, as numbers. */
export interface JournalPosition {
  readonly salt: string
  readonly activeSlot: number
  readonly slots: readonly SlotPosition[]
  /** The size of slot 2. */
  readonly largeBytes: number
  readonly reach: number
  /** The load of the active segment. */
  readonly changes: number
  readonly inPlaceBytes: number
}

interface SlotPosition {
  /** The number of the segment in it; 0 if it is free. */
  readonly segment: number
  readonly end: number
  readonly prepared: number
}

/** Whether a position could be that of a journal. */
export function isPosition({ slots, activeSlot }: JournalPosition): boolean {
  const active = slots[activeSlot]
  return active !== undefined && active.segment > 0 && slots.every(({ end }) => end % BLOCK_BYTES === 0)
}

/** Where the next writer continues after a turn that ended well. It is never synced, and means nothing once its holder has gone. */
export const HANDOVER = defineStruct('handover', 192, [
  { name: 'holder', type: 'u64', offset: 0, meaning: 'random number of who ended its turn; 0: nobody' },
  { name: 'commitNumber', type: 'u64', offset: 8, meaning: 'the last commit' },
  { name: 'rootNumber', type: 'u64', offset: 16, meaning: 'the number of the last root' },
  { name: 'sequence', type: 'u32', offset: 24, meaning: 'the shared sequence' },
  { name: 'writerGeneration', type: 'u32', offset: 28, meaning: 'the shared count of writers' },
  { name: 'journalSalt', type: 'bytes', offset: 32, size: 8, meaning: "the journal's; zeros: there is none" },
  { name: 'activeSlot', type: 'u32', offset: 40, meaning: 'the slot of the next frames' },
  { name: 'slot0Segment', type: 'u32', offset: 44, meaning: 'the segment in slot 0; 0: it is free' },
  { name: 'slot1Segment', type: 'u32', offset: 48, meaning: 'likewise for slot 1' },
  { name: 'slot2Segment', type: 'u32', offset: 52, meaning: 'likewise for slot 2' },
  { name: 'slot0End', type: 'u64', offset: 56, meaning: 'bytes of frames in slot 0' },
  { name: 'slot1End', type: 'u64', offset: 64, meaning: 'likewise for slot 1' },
  { name: 'slot2End', type: 'u64', offset: 72, meaning: 'likewise for slot 2' },
  { name: 'slot0Prepared', type: 'u64', offset: 80, meaning: 'bytes of slot 0 that have disk blocks' },
  { name: 'slot1Prepared', type: 'u64', offset: 88, meaning: 'likewise for slot 1' },
  { name: 'slot2Prepared', type: 'u64', offset: 96, meaning: 'likewise for slot 2' },
  { name: 'slot2Bytes', type: 'u64', offset: 104, meaning: 'bytes of slot 2' },
  { name: 'reach', type: 'u64', offset: 112, meaning: "a durable lower bound of the journal's size" },
  { name: 'changes', type: 'u64', offset: 120, meaning: 'changes in the active segment' },
  {
    name: 'inPlaceBytes',
    type: 'u64',
    offset: 128,
    meaning: 'bytes of its records that are in the data file only',
  },
])
