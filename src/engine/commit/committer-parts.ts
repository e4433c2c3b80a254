/**
 * What does a committer work with? The files that it writes, the state at the start, and whom it calls.
 *
 * The order of its stores and syncs: committer.ts. Who makes one: opening/writing-parts.ts.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import type { RootWriter } from '../data-file/root-writer.ts'
import type { Root } from '../format/root.ts'
import type { KeySpans } from '../journal/frame-encode.ts'
import type { Journal } from '../journal/journal.ts'
import type { Publisher } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { Companion } from './checkpointer.ts'

export interface CommitterParts {
  readonly file: PlatformFile
  readonly locator: Locator
  readonly publisher: Publisher
  readonly roots: RootWriter
  /** The committed state at the start. */
  readonly root: Root
  /** The journal in which an earlier turn ended. */
  readonly journal: Journal | undefined
  readonly journalBytes: number
  /** Creates the journal. Called at the first commit. */
  readonly createJournal: () => Journal
  /** Called after committed bytes or counts have changed. */
  readonly changed: () => void
  /** Called once a store or a sync has failed. The published state may be incomplete then. */
  readonly failed: () => void
  /** The index file, if there is one. */
  readonly companion?: Companion | undefined
  /** The bytes of each key of the present indexes. */
  readonly keySpans: () => KeySpans
}
