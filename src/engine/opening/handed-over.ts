/**
 * How does a writer by turns continue where the last turn ended, without recovery and without a sync?
 *
 *   HV4  the present state is that of the shared words. The durable root may be of an earlier commit, as while one writer goes on.
 *   HV5  a root that is found may be taken for durable: it was stored and synced by a writer that has not failed since.
 * What is handed over: sharing/handover.ts. Opening after a crash: store-file.ts.
 */

import type { Platform, PlatformFile, SharedWords } from '../../mmap/platform.ts'
import type { Addressing } from '../format/addressing.ts'
import type { Identity } from '../format/identity.ts'
import { fileEnd, type Root, readRoot } from '../format/root.ts'
import { Journal } from '../journal/journal.ts'
import type { RecoveryLimits } from '../recovery/recovery-limits.ts'
import { areWordsOf, type Handover } from '../sharing/handover.ts'
import { stateIn } from '../sharing/publication.ts'

/** What an earlier turn left open. */
export interface HandedOver {
  /** The root in the file. */
  readonly durable: Root
  /** The root that would describe the present state. */
  readonly present: Root
  /** Undefined if the next commit begins one. */
  readonly journal: Journal | undefined
}

/** The file in which a writer continues. */
interface Continued {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly identity: Identity
  readonly addressing: Addressing
  readonly limits: RecoveryLimits
}

/**
 * @param own the journal that this writer has open
 * @returns undefined if the file is not as it was handed over, and has to be recovered @throws as readRoot and Journal.handedOver
 */
export function continued(
  { platform, path, file, identity, addressing, limits }: Continued,
  handover: Handover,
  words: SharedWords,
  own?: Journal,
): HandedOver | undefined {
  if (!areWordsOf(handover, words)) return undefined
  const durable = readRoot(file, addressing)
  const state = stateIn(words)
  // A root of version 1 has its definitions elsewhere.
  if (durable.formatVersion === 1 || durable.rootNumber !== handover.rootNumber) return undefined
  if (state.commitNumber !== handover.commitNumber || file.size() < fileEnd(addressing, state)) return undefined
  const { journal: position } = handover
  const salt = position?.salt ?? ''
  if (durable.journalSegment > 0 !== (position !== undefined)) return undefined
  if (position !== undefined && durable.journalSalt !== salt) return undefined
  const lineage = state.commitNumber === durable.commitNumber ? durable.lineage : salt
  const present = { ...durable, ...state, lineage }
  if (position === undefined) return { durable, present, journal: undefined }
  const { changesPerSegment: changesMax } = limits
  let journal = own
  if (journal?.salt === salt) journal.continueAt(position)
  else journal = Journal.handedOver(platform, path, identity, { changesMax }, position)
  return journal === undefined ? undefined : { durable, present, journal }
}
