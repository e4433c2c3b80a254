/** Records in a file: stores, flat files, and what they answer with. */

export type { Durability } from './commit/commit-waiters.ts'
export { FlatFile, openFlatFile } from './flat-file.ts'
export type {
  HashStoreIndex,
  IndexDeclaration,
  IndexDeclarations,
  KeyOf,
  NoIndexes,
} from './indexes/index-types.ts'
export type { IndexDefinition } from './indexes/keys/index-definition.ts'
export type { IndexKind, Range, RangeOptions } from './indexes/keys/index-options.ts'
export type { RangeWalk } from './indexes/lookup/range-walk.ts'
export { type Bound, StoreIndex } from './indexes/lookup/store-index.ts'
export type { Upserted } from './indexes/lookup/unique-key.ts'
export type { DroppedFrames } from './journal/journal-scan.ts'
export { migrateStore, migrateStoreAsync, type OldRecord } from './maintenance/migrate.ts'
export type { Finding, VerifyResult } from './maintenance/verify.ts'
export { openShared, openStore, openStoreAsync } from './open.ts'
export type {
  Backend,
  ChangedOptions,
  CommitOptions,
  FlatFileHeader,
  FlatFileOptions,
  IndexedStoreOptions,
  MigrateOptions,
  SnapshotOptions,
  StoreOptions,
  TailOptions,
  WatchOptions,
} from './opening/options.ts'
export type { SharedStore } from './opening/shared-store.ts'
export type { ChangeWhereOptions } from './query/change-where.ts'
export { type PreparedQuery, param } from './query/prepared-query.ts'
export type { BatchOptions, Query, QueryExplanation } from './query/query.ts'
export { GONE } from './read/numbering.ts'
export type { GatherOptions, NumberRange } from './read/read-options.ts'
export type { Row } from './read/record-set.ts'
export type { Kept, Walk } from './read/walk.ts'
export type { RebuiltIndex, Recovery } from './recovery/recovery.ts'
export type { RecordChange } from './shared-memory/record-table.ts'
export { SharedArray, sharedArray, sharedArrayAsync } from './shared-memory/shared-array.ts'
export type { SharedRecordOptions } from './shared-memory/shared-options.ts'
export { SharedRecord, sharedRecord, sharedRecordAsync } from './shared-memory/shared-record.ts'
export { Snapshot } from './snapshots/snapshot.ts'
export type { StoreStats } from './stats.ts'
export type { ProgressOptions } from './steps/progress-options.ts'
export { Store } from './store.ts'
export type { TailBatch } from './tail/tail.ts'
export type { WatchedCommit } from './tail/watch.ts'
export { Transaction } from './transaction.ts'
export { ConcurrentTransaction } from './transactions/concurrent-transaction.ts'
