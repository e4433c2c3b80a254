/**
 * What is the session of a store? Its life on one file, from opening the file to closing it.
 *
 * When the file is replaced, the whole session is. For writing: writer-session.ts. For reading only: reader-session.ts. The holder of the
 * session: opened-store.ts.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { FoldPace } from '../indexes/lifecycle/background-fold.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import type { Reading } from '../read/reading.ts'
import type { Recovery } from '../recovery/recovery.ts'
import type { PublishedState } from '../sharing/publication.ts'
import type { StoreSettings } from './options.ts'
import type { StoreFile } from './store-file.ts'

export interface Session {
  readonly file: StoreFile
  /** What opening had to do after a crash. */
  readonly recovery: Recovery
  /** The last commit that was acknowledged; 0 before the first. */
  readonly commitNumber: number
  /** The last commit that survives the loss of power. */
  readonly durableCommitNumber: number
  /** How many committed records are deleted. */
  readonly deletedCount: number
  /** The committed state that is in the file, without changes over it in memory. */
  readonly publishedState: PublishedState
  /** Whether some committed changes are only in memory, over the file. */
  readonly isOverlaid: boolean
  readonly indexes: SessionIndexes
  /** Finishes running work and releases everything but the lock. */
  close(): void
  /** Releases everything but the lock, if the session could not be started. */
  abandon(): void
}

/** The indexes of a session. */
export interface SessionIndexes {
  /** The indexes, up to date with other processes' commits; undefined if none can be looked up. */
  now(): IndexSet | undefined
  /** The indexes of the last `now`. */
  readonly current: IndexSet | undefined
  /** The definitions of the store's indexes, as of the last `now`. */
  readonly definitions: readonly IndexDefinition[]
  /** Why none of them can be looked up, if `now` returned undefined. */
  readonly reason: string
}

/** What all sessions of a store share. */
export interface SessionSettings<S extends AnySchema> {
  readonly reading: Reading<S>
  readonly options: StoreSettings
  readonly pace: FoldPace
  /** Whether it is opened for turns of writing (`lock: 'transaction'`). */
  readonly isTurn: boolean
  /** The indexes that the opener declared, by name, without those that were dropped since. */
  readonly declared: Map<string, IndexDefinition>
  /** Raised whenever the set of indexes changes, or an index in it. */
  readonly epoch: { value: number }
  /** Called after a commit of this process, when it can be seen. */
  readonly heard: () => void
  /** Opens the file that has the name now, in a new session. This one is closed. @returns the generation of the file */
  reopen(): number
}
