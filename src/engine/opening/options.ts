/**
 * Which options do stores and flat files take, when they are opened and in their calls?
 *
 * One row an option: types, checks and docs/options.md come from here. Options of indexes: indexes/keys/index-options.ts. How
 * options are read: option-table.ts.
 */

import type { Advice } from '../../mmap/platform.ts'
import {
  callback,
  consumerName,
  flag,
  named,
  nested,
  oneOf,
  permissionBits,
  whole,
  wholeOr,
  zodObject,
} from '../../options/option-kinds.ts'
import {
  type CallWithOptions,
  NO_OPTIONS,
  type OptionsOf,
  OptionTable,
  type SettledOptions,
} from '../../options/option-table.ts'
import { AGGREGATE, BATCHES, CHANGE_WHERE, HISTOGRAM, QUERY } from '../../query/query-options.ts'
import type { AnySchema, Output } from '../../schema/index.ts'
import type { Durability } from '../commit/commit-waiters.ts'
import type { Allocation } from '../data-file/space.ts'
import type { IndexDeclarations } from '../indexes/index-types.ts'
import { defineIndex, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import { checkIndexName, INDEX_DECLARATION, KEY_RANGE, WALKED_RANGE } from '../indexes/keys/index-options.ts'
import { GATHER, NUMBER_RANGE } from '../read/read-options.ts'
import { SHARED_RECORD_CALLS } from '../shared-memory/shared-options.ts'
import { PROGRESS } from '../steps/progress-options.ts'

/** How the bytes of a file are reached. 'auto' maps the file where mapping is safe. */
export type Backend = 'auto' | 'mapped' | 'file' | 'memory'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

const WINDOW_BYTES_MIN = 64 * KIB

/** Options of reading, shared by stores and flat files. */
export const READING = new OptionTable('ReadingOptions', {
  /** Whether changes are refused. Another process may write the file meanwhile. */
  readOnly: flag.or(false),
  /**
   * How the bytes are reached: mapped into memory ('mapped'), by positioned reads and writes ('file'), or without a file, lost at close
   * ('memory'). 'auto' maps where mapping is safe; `store.backend` says what it chose.
   */
  backend: oneOf<Backend>('auto', 'mapped', 'file', 'memory').or('auto'),
  /** Size of a sliding window. */
  windowBytes: whole({ min: WINDOW_BYTES_MIN, max: GIB, isPowerOfTwo: true }).or(GIB),
  /** Bound on the mapped bytes of all windows together; at least one window is mapped. Without it the system evicts pages by itself. */
  maxMappedBytes: whole({ unit: 'bytes', orInfinity: true }).or(Number.POSITIVE_INFINITY),
  /**
   * 'normal': lookups read single pages, and scans read ahead. 'random': nothing reads ahead. 'sequential': the system is told to read
   * ahead (madvise).
   */
  advice: oneOf<Advice>('normal', 'random', 'sequential').or('normal'),
})

/** How a schema becomes a layout, and whether its refinements run. */
const ENCODING = new OptionTable('EncodingOptions', {
  /** 'natural' aligns fields as C does; 'packed' leaves no gaps. Fixed at creation; an existing store refuses another value. */
  align: oneOf('packed', 'natural').orElse("the store's, 'packed' for a new one"),
  /** Byte order of fields without one of their own. Fixed at creation; an existing store refuses another value. */
  endian: oneOf('little', 'big').orElse("the store's, 'little' for a new one"),
  /** Whether refinements run on writes. Checks of the layout always run. */
  validate: flag.or(true),
})

const lockTimeoutMs = whole({ unit: 'milliseconds' })
const stagedBytesMax = whole({ unit: 'bytes' }).or(GIB)

/** Rows of `StoreOptions`. */
export const STORE = new OptionTable('StoreOptions', {
  ...READING.rows,
  ...ENCODING.rows,
  /** Whether an absent file is created. */
  create: flag.orElse('true where a schema is given'),
  /** How many records the file has room for from the start. */
  capacity: whole({ unit: 'records' }).or(0),
  /** 'blocks' allocates disk blocks before records are written. 'sparse' does not, so a full disk is noticed later. */
  allocate: oneOf<Allocation>('blocks', 'sparse').or('blocks'),
  /** When a commit counts as done: 'full' once it survives the loss of power, 'process' once it survives a killed process. */
  durability: oneOf<Durability>('full', 'process').or('full'),
  /**
   * A checkpoint starts once the journal has so many bytes, or once four times as many bytes of records were stored in place. At twice
   * that, commits wait for the checkpoint.
   */
  journalBytes: whole({ min: 64 * KIB, max: GIB, unit: 'bytes' }).or(16 * MIB),
  /**
   * Bound on the frames that the journal drops and snapshots with `keep: true` still need. While there are more, commits are
   * ERR_STRIDE_LIMIT.
   */
  keptBytesMax: whole({ unit: 'bytes' }).or(256 * MIB),
  /**
   * Whether a new store keeps a checksum of 4 bytes for each record. A damaged record or deletion bit is then an error. An existing
   * store keeps what it was created with.
   */
  checksums: flag.or(false),
  /** When a record is compared with its checksum. true: each time it is read. false: only by `verify`. */
  verifyReads: flag.orElse('once, when it is read first'),
  /** Whether `append` uses the numbers of deleted records again. */
  reuseNumbers: flag.or(false),
  /** Bound on the memory of staged changes. A change beyond it is ERR_STRIDE_LIMIT. */
  stagedBytesMax,
  /** How long opening, or with `lock: 'transaction'` each transaction, waits for another writer. Then it is ERR_STRIDE_BUSY. */
  lockTimeoutMs: lockTimeoutMs.orElse("0, with `lock: 'transaction'` 5,000"),
  /**
   * How a second writer is kept out. 'store': by a lock of the kernel from opening to closing; without koffi there is none, and opening
   * for writing is ERR_STRIDE_NO_LOCK. 'transaction': by the same lock, held for single transactions, so that several processes write
   * by turns. 'process': the caller promises that no other process and no other thread writes. The kernel's lock is still taken where
   * it exists.
   */
  lock: oneOf('store', 'transaction', 'process').or('store'),
  /** Permission bits of a created file. */
  mode: permissionBits.orElse('0o600, its owner alone'),
})

/** Rows of `IndexedStoreOptions`: those of a store, and its indexes. */
export const INDEXED_STORE = new OptionTable('IndexedStoreOptions', {
  ...STORE.rows,
  /**
   * Indexes by name. The store keeps them from now on, also for later openers that do not declare them. A new index is built from the
   * records; one whose declaration changed is rebuilt. A read-only opener builds none.
   */
  indexes: named(INDEX_DECLARATION, 'index', checkIndexName).orElse('none'),
})

/** Rows of `FlatFileHeader`. */
export const FLAT_HEADER = new OptionTable('FlatFileHeader', {
  /** The fields of the header. `file.header` gives their values. */
  schema: zodObject.required(),
  /** File offset of the header. */
  at: whole({ unit: 'bytes' }).or(0),
  /** Byte order of header fields without one of their own. */
  endian: oneOf('little', 'big').orElse("the file's"),
  /** Returns the file offset of record 0. */
  offset: callback<(header: never) => unknown>('header').orElse("the option's, or the end of the header"),
  /** Returns the bytes from the start of one record to the next. */
  stride: callback<(header: never) => unknown>('header').orElse("the option's"),
  /** Returns the number of records. */
  count: callback<(header: never) => unknown>('header').orElse("the option's"),
})

/** Rows of `FlatFileOptions`. */
export const FLAT_FILE = new OptionTable('FlatFileOptions', {
  ...READING.rows,
  ...ENCODING.rows,
  /** A header of the file that says where the records are. */
  header: nested(FLAT_HEADER).orElse('none'),
  /** File offset of record 0. */
  offset: whole({ unit: 'bytes' }).orElse('0, or the end of the header'),
  /**
   * Bytes from the start of one record to the next, at least the record size. Negative where each record lies in front of the one
   * before it, as the rows of a BMP do. `offset` is then still that of record 0, and `count` is needed.
   */
  stride: whole({ min: 1, unit: 'bytes', orNegative: true }).orElse('the record size'),
  /** The number of records. */
  count: whole({ unit: 'records' }).orElse('as many as the file holds'),
  /** Whether a part of a record at the end of the file is refused or ignored. Applies where no count is given. */
  tail: oneOf('refuse', 'ignore').or('refuse'),
  /** Bound on the memory of staged changes. A change beyond it is ERR_STRIDE_LIMIT. */
  stagedBytesMax,
})

/** Rows of `MigrateOptions`. */
export const MIGRATION = new OptionTable('MigrateOptions', {
  ...ENCODING.rows,
  /** How long opening waits for another writer to close. Then it is ERR_STRIDE_BUSY. */
  lockTimeoutMs: lockTimeoutMs.or(0),
  /** How a second writer is kept out, as in `openStore`. */
  lock: oneOf('store', 'process').or('store'),
  /** Aborting it ends the call with the signal's reason. The old file is then unchanged. */
  signal: PROGRESS.rows.signal,
  /** Called after each part with the records done so far and in all, deleted ones included. If it throws, the call ends with that. */
  progress: PROGRESS.rows.progress,
})

/** Rows of `CommitOptions`. */
export const COMMIT = new OptionTable('CommitOptions', {
  /** 'full' resolves once the commit survives the loss of power, 'process' once it survives a killed process. */
  durability: oneOf<Durability>('full', 'process').orElse("the store's own"),
})

/** Rows of `ChangedOptions`. */
export const CHANGED = new OptionTable('ChangedOptions', {
  /** The commit after which a later one is waited for. */
  after: whole().orElse('the commit that the store sees at the call'),
  /** Aborting it rejects the promise with the signal's reason. */
  signal: PROGRESS.rows.signal,
  /** How often the store is looked at where the system does not tell of commits: on network file systems, for example. */
  pollMs: whole({ min: 1, unit: 'milliseconds' }).or(100),
})

/** Rows of `TailOptions`. */
export const TAIL = new OptionTable('TailOptions', {
  /** Where it begins: at a record number, at the first record ('start'), or behind the last committed one ('end'). */
  from: wholeOr('start', 'end').or('end'),
  /** The name of a consumer, whose position is kept beside the store. It begins behind its last batch that is done, a new one at `from`. */
  consumer: consumerName.orElse('none'),
  /** How many record numbers a batch covers at most. */
  batch: whole({ min: 1, max: 1_000_000, unit: 'records' }).or(1000),
  /** Aborting it ends the tail with the signal's reason. */
  signal: PROGRESS.rows.signal,
  /** How often the store is looked at where the system does not tell of commits. */
  pollMs: CHANGED.rows.pollMs,
})

/** Where a tail begins, and how it reads. */
export type TailOptions = OptionsOf<typeof TAIL>
export type TailSettings = SettledOptions<typeof TAIL>

/** Rows of `WatchOptions`. */
export const WATCH = new OptionTable('WatchOptions', {
  /** Aborting it ends the loop with the signal's reason. */
  signal: PROGRESS.rows.signal,
  /** How often the store is looked at where the system does not tell of commits. */
  pollMs: CHANGED.rows.pollMs,
})

/** How `store.watch` waits for commits. */
export type WatchOptions = OptionsOf<typeof WATCH>
export type WatchSettings = SettledOptions<typeof WATCH>

/** Rows of `SnapshotOptions`. */
export const SNAPSHOT = new OptionTable('SnapshotOptions', {
  /**
   * Whether it lasts until it is closed, whatever is committed meanwhile. What it needs of the journal is kept, at most the
   * `keptBytesMax` of the writer. The store is not compacted or migrated meanwhile.
   */
  keep: flag.or(false),
})

/** How long a snapshot lasts. */
export type SnapshotOptions = OptionsOf<typeof SNAPSHOT>

/** What `store.changed` waits for. */
export type ChangedOptions = OptionsOf<typeof CHANGED>
export type ReadingOptions = OptionsOf<typeof READING>
/** How a store is opened or created. */
export type StoreOptions = OptionsOf<typeof STORE>

/** A header that says where the records of a flat file are. @typeParam H the header's schema */
export interface FlatFileHeader<H extends AnySchema = AnySchema>
  extends Omit<OptionsOf<typeof FLAT_HEADER>, 'schema' | 'offset' | 'stride' | 'count'> {
  /** The fields of the header. `file.header` gives their values. */
  readonly schema: H
  /** Returns the file offset of record 0. */
  readonly offset?: ((header: Output<H>) => number | bigint) | undefined
  /** Returns the bytes from the start of one record to the next. */
  readonly stride?: ((header: Output<H>) => number | bigint) | undefined
  /** Returns the number of records. */
  readonly count?: ((header: Output<H>) => number | bigint) | undefined
}

/** How a flat file is opened, and where its records are. @typeParam H the header's schema */
export interface FlatFileOptions<H extends AnySchema = AnySchema>
  extends Omit<OptionsOf<typeof FLAT_FILE>, 'header'> {
  /** A header of the file that says where the records are. */
  readonly header?: FlatFileHeader<H> | undefined
}
/** How a store is migrated. */
export type MigrateOptions = OptionsOf<typeof MIGRATION>
/** Options of one commit. */
export type CommitOptions = OptionsOf<typeof COMMIT>

/** How a store is opened or created, with its indexes. */
export interface IndexedStoreOptions<I = IndexDeclarations> extends StoreOptions {
  /**
   * Indexes by name. The store keeps them from now on, also for later openers that do not declare them. A new index is built from the
   * records; one whose declaration changed is rebuilt. A read-only opener builds none.
   */
  readonly indexes?: I | undefined
}

/** The options of a store, checked, with defaults. */
export type StoreSettings = SettledOptions<typeof INDEXED_STORE>
export type FlatFileSettings = SettledOptions<typeof FLAT_FILE>

/** Every call that takes options, as docs/options.md lists them. */
export const ENGINE_CALLS: readonly CallWithOptions[] = [
  { call: 'openStore(path, schema, options)', table: INDEXED_STORE },
  { call: 'openStoreAsync(path, schema, options)', table: INDEXED_STORE },
  { call: 'openFlatFile(path, schema, options)', table: FLAT_FILE },
  { call: 'openFlatFile(path, schema, { header })', table: FLAT_HEADER },
  { call: 'migrateStore(path, schema, map, options)', table: MIGRATION },
  { call: 'migrateStoreAsync(path, schema, map, options)', table: MIGRATION },
  { call: 'store.scan(range)', table: NUMBER_RANGE },
  { call: 'store.prefetch(range)', table: NUMBER_RANGE },
  { call: 'store.gather(name, numbers, options)', table: GATHER },
  { call: 'store.commit(options)', table: COMMIT },
  { call: 'store.commitSync(options)', table: COMMIT },
  { call: 'store.transaction(callback, options)', table: COMMIT },
  { call: 'store.getMany(numbers)', table: NO_OPTIONS },
  { call: 'store.appendMany(records)', table: NO_OPTIONS },
  { call: 'store.dropIndex(name)', table: NO_OPTIONS },
  { call: 'store.snapshot(options)', table: SNAPSHOT },
  { call: 'store.flush()', table: NO_OPTIONS },
  { call: 'store.checkpoint()', table: NO_OPTIONS },
  { call: 'store.verify()', table: NO_OPTIONS },
  { call: 'store.compact(options)', table: PROGRESS },
  { call: 'store.backup(path, options)', table: PROGRESS },
  { call: 'store.createIndex(name, declaration)', table: INDEX_DECLARATION },
  { call: 'store.createIndex(name, declaration, options)', table: PROGRESS },
  { call: 'index.range(range)', table: WALKED_RANGE },
  { call: 'index.first(range)', table: KEY_RANGE },
  { call: 'index.last(range)', table: KEY_RANGE },
  { call: 'index.count(range)', table: KEY_RANGE },
  { call: 'index.getMany(keys)', table: NO_OPTIONS },
  { call: 'index.numbers(keys)', table: NO_OPTIONS },
  { call: 'tx.getMany(numbers)', table: NO_OPTIONS },
  { call: 'tx.appendMany(records)', table: NO_OPTIONS },
  { call: 'tx.gather(name, numbers, options)', table: GATHER },
  { call: 'tx.scan(range)', table: NUMBER_RANGE },
  { call: 'store.query(options)', table: QUERY },
  { call: 'store.prepare(options)', table: QUERY },
  { call: 'query.batches(options)', table: BATCHES },
  { call: 'store.aggregate(options)', table: AGGREGATE },
  { call: 'store.histogram(field, options)', table: HISTOGRAM },
  { call: 'store.updateWhere(where, change, options)', table: CHANGE_WHERE },
  { call: 'store.deleteWhere(where, options)', table: CHANGE_WHERE },
  { call: 'file.commit()', table: NO_OPTIONS },
  { call: 'file.commitSync()', table: NO_OPTIONS },
  { call: 'file.refresh()', table: NO_OPTIONS },
  ...SHARED_RECORD_CALLS,
]

/** The declared indexes, checked as far as is possible without a schema. @throws TypeError */
export function indexDefinitions({ indexes }: StoreSettings): readonly IndexDefinition[] {
  if (indexes === undefined) return []
  return Object.entries(indexes).map(([name, declaration]) => defineIndex(name, declaration))
}

/** Size and bound of windows. */
export function windowSizes({ windowBytes, maxMappedBytes, advice }: SettledOptions<typeof READING>): {
  windowBytes: number
  mappedBytesMax: number
  readsFirst: boolean
} {
  // With a small bound windows are smaller, so that four of them fit into it.
  const bounded = 2 ** Math.floor(Math.log2(Math.max(WINDOW_BYTES_MIN, maxMappedBytes / 4)))
  return {
    windowBytes: Math.min(windowBytes, bounded),
    mappedBytesMax: maxMappedBytes,
    readsFirst: advice !== 'sequential',
  }
}
