/** Records in a file: stores, flat files, and what they answer with. */

export type { BackupOptions } from './backup.ts'
export { GONE } from './compact.ts'
export { FlatFile, openFlatFile } from './flat-file.ts'
export { type MigrateOptions, migrateStore, type OldRecord } from './migrate.ts'
export { openStore, openStoreAsync } from './open.ts'
export type { Backend, FlatFileOptions, StoreOptions } from './options.ts'
export type { NumberRange } from './prefetch.ts'
export type { Row } from './record-set.ts'
export type { StoreStats } from './stats.ts'
export { type Recovery, Store } from './store.ts'
export { Transaction } from './transaction.ts'
export type { Finding, VerifyResult } from './verify.ts'
