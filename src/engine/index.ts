/** Records in a file: stores, flat files, and what they answer with. */

export type { Durability } from './commit-waiters.ts'
export { GONE } from './compact.ts'
export { FlatFile, openFlatFile } from './flat-file.ts'
export type { IndexDefinition } from './index/index-definition.ts'
export type { RebuiltIndex } from './index/index-opening.ts'
export type { IndexKind, Range, RangeOptions } from './index/index-options.ts'
export type { IndexDeclaration, IndexDeclarations, KeyOf, NoIndexes } from './index-types.ts'
export type { DroppedFrames } from './journal/journal-scan.ts'
export type { Recovery } from './journal/recovery.ts'
export { migrateStore, migrateStoreAsync, type OldRecord } from './migrate.ts'
export { openStore, openStoreAsync } from './open.ts'
export type {
  Backend,
  CommitOptions,
  FlatFileOptions,
  GatherOptions,
  IndexedStoreOptions,
  MigrateOptions,
  NumberRange,
  ProgressOptions,
  StoreOptions,
} from './options.ts'
export type { RangeWalk } from './range-walk.ts'
export type { Row } from './record-set.ts'
export type { StoreStats } from './stats.ts'
export { Store } from './store.ts'
export { type Bound, StoreIndex } from './store-index.ts'
export { Transaction } from './transaction.ts'
export type { Finding, VerifyResult } from './verify.ts'
