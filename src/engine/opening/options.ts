/**
 * Which options do stores and flat files take, when they are opened and in each of their calls?
 *
 * One row an option: types, checks and docs/options.md come from here. A new option is one row more. Those of indexes:
 * indexes/keys/index-options.ts. How they are read: option-table.ts.
 */

import type { Advice } from '../../mmap/platform.ts'
import {
  callback,
  flag,
  named,
  nested,
  oneOf,
  permissionBits,
  whole,
  zodObject,
} from '../../options/option-kinds.ts'
import {
  type CallWithOptions,
  NO_OPTIONS,
  type OptionsOf,
  OptionTable,
  type SettledOptions,
} from '../../options/option-table.ts'
import type { AnySchema, Output } from '../../schema/index.ts'
import type { Durability } from '../commit/commit-waiters.ts'
import { PROGRESS } from '../file/progress-options.ts'
import type { Allocation } from '../file/space.ts'
import type { IndexDeclarations } from '../indexes/index-types.ts'
import { defineIndex, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import { checkIndexName, INDEX_DECLARATION, KEY_RANGE, WALKED_RANGE } from '../indexes/keys/index-options.ts'
import { GATHER, NUMBER_RANGE } from '../read/read-options.ts'

/** How the bytes of a file are reached; 'auto' maps where mapping is safe. */
export type Backend = 'auto' | 'mapped' | 'file' | 'memory'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

const WINDOW_BYTES_MIN = 64 * KIB

/** Options of reading, common to stores and flat files. */
export const READING = new OptionTable('ReadingOptions', {
  /** The file is not changed; another process may write it meanwhile. */
  readOnly: flag.or(false),
  /**
   * How the bytes are reached: mapped, by positioned reads and writes ('file'), or in memory alone, where they are gone after
   * close ('memory'). 'auto' maps where mapping is safe; `store.backend` says what it chose.
   */
  backend: oneOf<Backend>('auto', 'mapped', 'file', 'memory').or('auto'),
  /** Bytes of a sliding window. */
  windowBytes: whole({ min: WINDOW_BYTES_MIN, max: GIB, isPowerOfTwo: true }).or(GIB),
  /** The most bytes that all windows together may map, at least one window. Without a bound the system evicts pages by itself. */
  maxMappedBytes: whole({ unit: 'bytes', orInfinity: true }).or(Number.POSITIVE_INFINITY),
  /**
   * 'normal': lookups read single pages, and scans read ahead. 'random': scans do not read ahead either. 'sequential': the system
   * is told to read ahead (madvise).
   */
  advice: oneOf<Advice>('normal', 'random', 'sequential').or('normal'),
})

/** How a layout is made of a schema, and whether its refinements run. */
const ENCODING = new OptionTable('EncodingOptions', {
  /** 'natural' lays fields out as C does. Fixed when a store is created; an existing store refuses another one. */
  align: oneOf('packed', 'natural').orElse("the store's, 'packed' for a new one"),
  /** Byte order of fields that do not say their own. Fixed when a store is created; an existing store refuses another one. */
  endian: oneOf('little', 'big').orElse("the store's, 'little' for a new one"),
  /** False skips refinements; layout checks always run. */
  validate: flag.or(true),
})

const lockTimeoutMs = whole({ unit: 'milliseconds' }).or(0)
const lock = oneOf('system', 'process').or('system')
const stagedBytesMax = whole({ unit: 'bytes' }).or(GIB)

export const STORE = new OptionTable('StoreOptions', {
  ...READING.rows,
  ...ENCODING.rows,
  /** Whether an absent file is created. */
  create: flag.orElse('true where a schema is given'),
  /** Records to make room for at once. */
  capacity: whole({ unit: 'records' }).or(0),
  /** 'blocks' allocates disk blocks before they are written. 'sparse' does not, so a full disk is noticed at a later call. */
  allocate: oneOf<Allocation>('blocks', 'sparse').or('blocks'),
  /** When a commit counts as done: 'full' once it survives the loss of power, 'process' once it survives a killed process. */
  durability: oneOf<Durability>('full', 'process').or('full'),
  /** Bytes of journal after which a checkpoint starts, or four times as many of records stored in place; at twice that commits wait. */
  journalBytes: whole({ min: 64 * KIB, max: GIB, unit: 'bytes' }).or(16 * MIB),
  /**
   * Whether the store keeps a checksum for each record, 4 bytes each, so that a damaged record or deletion bit is an error; only
   * at creation.
   */
  checksums: flag.or(false),
  /** When a record is compared with its checksum: true, each time it is read; false, by `verify` alone. */
  verifyReads: flag.orElse('once, when it is read first'),
  /** Whether append fills the numbers of deleted records. */
  reuseNumbers: flag.or(false),
  /** Bound on staged bytes in memory. */
  stagedBytesMax,
  /** How long opening waits for another writer. */
  lockTimeoutMs,
  /**
   * What keeps a second writer out. 'system': a lock of the kernel; where none can be had, because koffi does not load, opening
   * for writing is ERR_STRIDE_NO_LOCK. 'process': the caller promises that no other process and no other thread writes; the
   * kernel's lock is taken all the same where it can be had.
   */
  lock,
  /** Permission bits of a created file. */
  mode: permissionBits.orElse('0o600, its owner alone'),
})

/** The same with indexes. */
export const INDEXED_STORE = new OptionTable('IndexedStoreOptions', {
  ...STORE.rows,
  /**
   * Indexes by name. The store keeps them from now on, whoever opens it. A new one is built from the records; one that is
   * declared otherwise than before is rebuilt. A read-only opener builds none.
   */
  indexes: named(INDEX_DECLARATION, 'index', checkIndexName).orElse('none'),
})

export const FLAT_HEADER = new OptionTable('FlatFileHeader', {
  /** What the header holds. `file.header` is what it reads. */
  schema: zodObject.required(),
  /** File offset of the header. */
  at: whole({ unit: 'bytes' }).or(0),
  /** Byte order of the header's fields that do not say their own. */
  endian: oneOf('little', 'big').orElse("the file's"),
  /** Answers the file offset of record 0. */
  offset: callback<(header: never) => unknown>('header').orElse("the option's, or the end of the header"),
  /** Answers the bytes from one record to the next. */
  stride: callback<(header: never) => unknown>('header').orElse("the option's"),
  /** Answers how many records there are. */
  count: callback<(header: never) => unknown>('header').orElse("the option's"),
})

export const FLAT_FILE = new OptionTable('FlatFileOptions', {
  ...READING.rows,
  ...ENCODING.rows,
  /** A header of the file, which says where the records lie. */
  header: nested(FLAT_HEADER).orElse('none'),
  /** File offset of record 0. */
  offset: whole({ unit: 'bytes' }).orElse('0, or the end of the header'),
  /**
   * Bytes from one record to the next, at least the record size. Negative where each record lies in front of the one before, as the
   * rows of a BMP do; then `offset` is that of record 0 all the same, and `count` is needed.
   */
  stride: whole({ min: 1, unit: 'bytes', orNegative: true }).orElse('the record size'),
  /** How many records there are. */
  count: whole({ unit: 'records' }).orElse('as many as the file holds'),
  /** What is done about a part of a record at the end, where nothing says how many records there are. */
  tail: oneOf('refuse', 'ignore').or('refuse'),
  /** Bound on staged bytes in memory. */
  stagedBytesMax,
})

export const MIGRATION = new OptionTable('MigrateOptions', {
  ...ENCODING.rows,
  /** How long opening waits for another writer. */
  lockTimeoutMs,
  /** What keeps a second writer out, as in `openStore`. */
  lock,
  ...PROGRESS.rows,
})

/** How one commit differs from the store's others. */
export const COMMIT = new OptionTable('CommitOptions', {
  /** 'full' resolves once the commit survives the loss of power, 'process' once it survives a killed process. */
  durability: oneOf<Durability>('full', 'process').orElse("the store's own"),
})

export type ReadingOptions = OptionsOf<typeof READING>
/** How a store is opened, and created. */
export type StoreOptions = OptionsOf<typeof STORE>

/** What an offset, stride or count is taken from. @typeParam H the header's schema */
export interface FlatFileHeader<H extends AnySchema = AnySchema>
  extends Omit<OptionsOf<typeof FLAT_HEADER>, 'schema' | 'offset' | 'stride' | 'count'> {
  /** What the header holds. `file.header` is what it reads. */
  readonly schema: H
  /** Answers the file offset of record 0. */
  readonly offset?: ((header: Output<H>) => number | bigint) | undefined
  /** Answers the bytes from one record to the next. */
  readonly stride?: ((header: Output<H>) => number | bigint) | undefined
  /** Answers how many records there are. */
  readonly count?: ((header: Output<H>) => number | bigint) | undefined
}

/** How a flat file is opened, and where its records lie. @typeParam H the header's schema */
export interface FlatFileOptions<H extends AnySchema = AnySchema>
  extends Omit<OptionsOf<typeof FLAT_FILE>, 'header'> {
  /** A header of the file, which says where the records lie. */
  readonly header?: FlatFileHeader<H> | undefined
}
/** How a store is migrated. */
export type MigrateOptions = OptionsOf<typeof MIGRATION>
/** How one commit differs from the store's others. */
export type CommitOptions = OptionsOf<typeof COMMIT>

/** The options of a store, with those indexes that a program declares. */
export interface IndexedStoreOptions<I = IndexDeclarations> extends StoreOptions {
  /**
   * Indexes by name. The store keeps them from now on, whoever opens it. A new one is built from the records; one that is
   * declared otherwise than before is rebuilt. A read-only opener builds none.
   */
  readonly indexes?: I | undefined
}

/** Options of a store as it keeps them. */
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
  { call: 'file.commit()', table: NO_OPTIONS },
  { call: 'file.commitSync()', table: NO_OPTIONS },
  { call: 'file.refresh()', table: NO_OPTIONS },
]

/** The declared indexes, checked as far as that goes without a schema. @throws TypeError */
export function indexDefinitions({ indexes }: StoreSettings): readonly IndexDefinition[] {
  if (indexes === undefined) return []
  return Object.entries(indexes).map(([name, declaration]) => defineIndex(name, declaration))
}

/** Window size and bound. */
export function windowSizes({ windowBytes, maxMappedBytes, advice }: SettledOptions<typeof READING>): {
  windowBytes: number
  mappedBytesMax: number
  readsFirst: boolean
} {
  // A bound below one window makes the window smaller, so that the bound holds.
  const bounded = 2 ** Math.floor(Math.log2(Math.max(WINDOW_BYTES_MIN, maxMappedBytes / 4)))
  return {
    windowBytes: Math.min(windowBytes, bounded),
    mappedBytesMax: maxMappedBytes,
    readsFirst: advice !== 'sequential',
  }
}
