/**
 * What can be asked for when a store or a flat file is opened, with defaults and bounds.
 */

import type { Advice } from '../mmap/platform.ts'
import { checkOptionNames } from '../option-names.ts'
import type { Durability } from './commit-waiters.ts'
import { defineIndex, type IndexDefinition, type IndexOptions } from './index/index-definition.ts'
import type { IndexDeclarations } from './index-types.ts'
import type { Allocation } from './space.ts'

export type Backend = 'auto' | 'mapped' | 'file' | 'memory'

/** Options of reading, common to stores and flat files. */
export interface ReadingOptions {
  /** Nothing is changed, and a writer elsewhere is no obstacle. */
  readonly readOnly?: boolean
  /**
   * How the bytes are reached: mapped, or by positioned reads and writes ('file'), or kept in memory and gone at
   * close ('memory'). 'auto' maps where that can be trusted and says what it took in `store.backend`.
   */
  readonly backend?: Backend
  /** Bytes of a sliding window: a power of two from 64 KiB to 1 GiB, the default. */
  readonly windowBytes?: number
  /** Bound on all windows together, at least one window; unbounded by default, the system evicts by itself. */
  readonly maxMappedBytes?: number
  /** 'normal' reads single pages for lookups and ahead for scans; the others pass on to the system (madvise). */
  readonly advice?: Advice
}

export interface StoreOptions extends ReadingOptions {
  /** Whether an absent file is created; true with a schema. */
  readonly create?: boolean
  /** Records to make room for at once. */
  readonly capacity?: number
  /** 'sparse' leaves blocks to be found when they are written: a full disk then shows at a later call. */
  readonly allocate?: Allocation
  /** When a commit counts as done: 'full' once it survives the loss of power, 'process' once it survives a killed process. */
  readonly durability?: Durability
  /** Bytes of journal after which a checkpoint starts; at twice that commits wait. 64 KiB to 1 GiB, 16 MiB by default. */
  readonly journalBytes?: number
  /** Whether the store keeps a checksum a record, which `verify` compares; only at creation. 4 bytes a record. */
  readonly checksums?: boolean
  /** Whether each reading compares the record with its checksum, where the store keeps them; about 0.3 us a record. */
  readonly verifyReads?: boolean
  /** Whether append fills the numbers of deleted records. */
  readonly reuseNumbers?: boolean
  /** Bound on staged bytes in memory; 1 GiB by default. */
  readonly stagedBytesMax?: number
  /** How long opening waits for another writer; 0 by default. */
  readonly lockTimeoutMs?: number
  /** False skips refinements; layout checks always run. */
  readonly validate?: boolean
  /** 'natural' lays fields out as C does; only at creation. */
  readonly align?: 'packed' | 'natural'
  /** Byte order of fields that do not say their own; only at creation. */
  readonly endian?: 'little' | 'big'
  /** Permission bits of a created file; 0o600 by default. */
  readonly mode?: number
}

/** The same with indexes. */
export interface IndexedStoreOptions<I = IndexDeclarations> extends StoreOptions {
  /**
   * Indexes by name, kept with the store from now on, whoever opens it. One that is not there yet is built from the records;
   * one that is declared otherwise than before is built anew. A read-only opener finds those that are there.
   */
  readonly indexes?: I
}

export interface FlatFileOptions extends ReadingOptions {
  /** File offset of record 0, bytes. */
  readonly offset?: number
  /** Bytes from one record to the next; the record size by default. */
  readonly stride?: number
  /** How many records there are; as many as the file holds by default. */
  readonly count?: number
  readonly endian?: 'little' | 'big'
  readonly align?: 'packed' | 'natural'
  readonly validate?: boolean
  readonly stagedBytesMax?: number
}

const READING_NAMES = ['readOnly', 'backend', 'windowBytes', 'maxMappedBytes', 'advice']
const STORE_NAMES = [
  ...READING_NAMES,
  'indexes',
  'create',
  'capacity',
  'allocate',
  'durability',
  'journalBytes',
  'checksums',
  'verifyReads',
  'reuseNumbers',
  'stagedBytesMax',
  'lockTimeoutMs',
  'validate',
  'align',
  'endian',
  'mode',
]
const FLAT_FILE_NAMES = [
  ...READING_NAMES,
  'offset',
  'stride',
  'count',
  'endian',
  'align',
  'validate',
  'stagedBytesMax',
]

const WINDOW_BYTES_MIN = 64 * 1024
const WINDOW_BYTES_MAX = 2 ** 30
export const STAGED_BYTES_MAX = 2 ** 30
const JOURNAL_BYTES_MIN = 64 * 1024
const JOURNAL_BYTES_MAX = 2 ** 30
export const JOURNAL_BYTES = 16 * 1024 * 1024

const CHOICES = {
  backend: ['auto', 'mapped', 'file', 'memory'],
  advice: ['normal', 'random', 'sequential'],
  allocate: ['blocks', 'sparse'],
  durability: ['full', 'process'],
  align: ['packed', 'natural'],
  endian: ['little', 'big'],
} as const

const FLAGS = ['readOnly', 'create', 'reuseNumbers', 'validate', 'checksums', 'verifyReads']
const COUNTS = [
  'capacity',
  'journalBytes',
  'stagedBytesMax',
  'lockTimeoutMs',
  'mode',
  'offset',
  'stride',
  'count',
  'maxMappedBytes',
]

/** @throws TypeError, RangeError for what cannot be meant */
export function checkStoreOptions(options: StoreOptions): void {
  checkOptionNames(options, STORE_NAMES, 'openStore')
  checkValues(options)
  const { journalBytes = JOURNAL_BYTES } = options
  if (journalBytes < JOURNAL_BYTES_MIN || journalBytes > JOURNAL_BYTES_MAX) {
    throw new RangeError(`journalBytes is from ${JOURNAL_BYTES_MIN} to ${JOURNAL_BYTES_MAX}: ${journalBytes}`)
  }
  windowSizes(options)
  indexDefinitions(options)
}

/** The declared indexes, checked as far as that goes without a schema. @throws TypeError */
export function indexDefinitions({ indexes }: IndexedStoreOptions): readonly IndexDefinition[] {
  if (indexes === undefined) return []
  if (typeof indexes !== 'object' || indexes === null || Array.isArray(indexes)) {
    throw new TypeError(`indexes are named: { byId: { on: 'id' } }, not ${String(indexes)}`)
  }
  return Object.entries(indexes).map(([name, options]) => defineIndex(name, options as IndexOptions))
}

/** @throws TypeError, RangeError for what cannot be meant */
export function checkFlatFileOptions(options: FlatFileOptions): void {
  checkOptionNames(options, FLAT_FILE_NAMES, 'openFlatFile')
  checkValues(options)
  windowSizes(options)
}

/** Window size and bound, checked, with defaults. */
export function windowSizes(options: ReadingOptions): {
  windowBytes: number
  mappedBytesMax: number
  readsFirst: boolean
} {
  const { windowBytes = WINDOW_BYTES_MAX, maxMappedBytes = Number.POSITIVE_INFINITY } = options
  const isPower = Number.isInteger(Math.log2(windowBytes))
  if (!isPower || windowBytes < WINDOW_BYTES_MIN || windowBytes > WINDOW_BYTES_MAX) {
    const bounds = `a power of two from ${WINDOW_BYTES_MIN} to ${WINDOW_BYTES_MAX}`
    throw new RangeError(`windowBytes is ${bounds}: ${windowBytes}`)
  }
  // A bound below one window makes the window smaller, so that the bound holds.
  const bounded = 2 ** Math.floor(Math.log2(Math.max(WINDOW_BYTES_MIN, maxMappedBytes / 4)))
  return {
    windowBytes: Math.min(windowBytes, bounded),
    mappedBytesMax: maxMappedBytes,
    readsFirst: options.advice !== 'sequential',
  }
}

function checkValues(options: object): void {
  const values = options as Readonly<Record<string, unknown>>
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = values[name]
    if (value !== undefined && !(choices as readonly unknown[]).includes(value)) {
      throw new TypeError(`${name} is one of ${choices.join(', ')}: ${String(value)}`)
    }
  }
  for (const name of FLAGS) {
    if (values[name] !== undefined && typeof values[name] !== 'boolean') {
      throw new TypeError(`${name} is true or false: ${String(values[name])}`)
    }
  }
  for (const name of COUNTS) {
    const value = values[name]
    if (value === undefined || (name === 'maxMappedBytes' && value === Number.POSITIVE_INFINITY)) continue
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      throw new RangeError(`${name} is a whole number from 0: ${String(value)}`)
    }
  }
}
