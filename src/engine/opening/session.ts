/**
 * What is a store on one file, from opening the file to letting go of it?
 *
 * A store replaces its session whole when its file is replaced. Where this process writes: writer-session.ts. Where it only reads:
 * reader-session.ts. Who holds the session: opened-store.ts.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { PublishedState } from '../file/publication.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { IndexSet } from '../indexes/upkeep/index-set.ts'
import type { Reading } from '../read/reading.ts'
import type { Recovery } from '../recovery/recovery.ts'
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
  /** Committed record numbers that are deleted. */
  readonly deletedCount: number
  /** The committed state that is in the file, under what lies over it in memory. */
  readonly publishedState: PublishedState
  /** Whether more is committed than the file has, and lies over it in memory. */
  readonly isOverlaid: boolean
  readonly indexes: SessionIndexes
  /** Finishes what goes on, and lets go of everything but the lock. */
  close(): void
  /** Lets go of everything but the lock, where it could not be started. */
  abandon(): void
}

/** The indexes of a session. */
export interface SessionIndexes {
  /** They as they are now, as new as other processes' commits; undefined where none can be looked up. */
  now(): IndexSet | undefined
  /** They as they were looked at last. */
  readonly current: IndexSet | undefined
  /** Which indexes the store has, as of the last `now`. */
  readonly definitions: readonly IndexDefinition[]
  /** Why none of them can be looked up, where `now` says undefined. */
  readonly reason: string
}

/** What the sessions of one store have in common. */
export interface SessionSettings<S extends AnySchema> {
  readonly reading: Reading<S>
  readonly options: StoreSettings
  /** The indexes that the opener declares, by name; without those that were dropped since. */
  readonly declared: Map<string, IndexDefinition>
  /** Moves on whenever another set of indexes is there, or another index in it. */
  readonly epoch: { value: number }
  /** Stands on the file that has the name now. The session is closed, and another one takes its place. */
  reopen(): void
}
