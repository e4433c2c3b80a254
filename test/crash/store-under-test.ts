/**
 * The part of a store's public contract that the harness uses, and how it opens and reads one.
 *
 * Everything is imported from the sources by path, so that a mutated twin of the engine can be bundled with the
 * harness (canaries.test.ts).
 */

import type { FoldPace } from '../../src/engine/indexes/lifecycle/background-fold.ts'
import { openStore, openStoreOn } from '../../src/engine/open.ts'
import type { IndexedStoreOptions, StoreOptions } from '../../src/engine/opening/options.ts'
import type { Store } from '../../src/engine/store.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { isWholeRecord, type Rec, type RecordSchema, recordSchema } from './expected-store.ts'

export type Durability = 'full' | 'process'

export type StoreUnderTest = Omit<Store<RecordSchema>, 'commit' | 'commitSync'> & {
  commit(options?: { readonly durability?: Durability }): Promise<number>
  commitSync(options?: { readonly durability?: Durability }): number
}

export interface UnderTestOptions extends IndexedStoreOptions {
  readonly durability?: Durability
  readonly journalBytes?: number
}

/** The smallest segment that is accepted: a journal soon wraps round. */
export const JOURNAL_BYTES = 64 * 1024

/** One index of each kind: what verify() compares with the records after each crash. */
const INDEXES = {
  byStamp: { on: 'stamp', unique: true },
  byMark: { on: ['mark', 'stamp'], kind: 'ordered' },
} as const

/** One more that workloads create and drop. */
export const LATE_INDEX = { name: 'late', on: 'mark' } as const

export function hasLateIndex(store: Pick<StoreUnderTest, 'indexes'>): boolean {
  return store.indexes.some(({ name }) => name === LATE_INDEX.name)
}

/** Two kinds of records: small ones that cross sectors, and are longer than a patch of both ends, and large ones of which 1 MiB is soon full. */
export const SHAPES = {
  small: { fillBytes: 61, schema: recordSchema(61) },
  wide: { fillBytes: 48_000, schema: recordSchema(48_000) },
} as const
export type Shape = keyof typeof SHAPES

/** Index entries are folded as soon as there are turns of the event loop, and by these alone: runs can be repeated. */
const TURN_BY_TURN: Partial<FoldPace> = {
  later: run => {
    const turn = setImmediate(run)
    return () => clearImmediate(turn)
  },
  pendingMin: 2,
  bulkMin: 4,
}

/** When recovery puts commits into the file: before the store opens, with the first call that needs it, or in turns. */
export type ReplayTime = 'atOnce' | 'onDemand' | 'inTurns'
export const REPLAY_TIMES: readonly ReplayTime[] = ['atOnce', 'onDemand', 'inTurns']

export function openUnderTest(
  platform: Platform,
  path: string,
  shape: Shape,
  options: UnderTestOptions = {},
  replays: ReplayTime = 'atOnce',
): StoreUnderTest {
  // Small windows: a simulated one copies all that it shows.
  const all: UnderTestOptions = {
    journalBytes: JOURNAL_BYTES,
    windowBytes: 64 * 1024,
    ...options,
    indexes: INDEXES,
  }
  const { schema } = SHAPES[shape]
  // In turns means all of it: the journal is made durable in turns, too, and read again piece by piece.
  const inTurns = { changesAtOnce: 0, journalBytesAtOnce: 0, journalBytesKept: 0 }
  const limits = replays === 'atOnce' ? {} : inTurns
  // Half of the stores have no root published after a fold.
  const pace = { ...TURN_BY_TURN, pagesPublished: options.reuseNumbers === true ? 1 : 1000 }
  return openStoreOn(platform, path, schema, all as StoreOptions, limits, pace) as unknown as StoreUnderTest
}

/** Opens it as who declares no index: those that it has are its own. */
export function openUndeclared(
  platform: Platform,
  path: string,
  shape: Shape,
  { readOnly = false }: Pick<StoreOptions, 'readOnly'> = {},
): StoreUnderTest {
  const options = { windowBytes: 64 * 1024, ...(readOnly ? { readOnly } : { journalBytes: JOURNAL_BYTES }) }
  return openStoreOn(platform, path, SHAPES[shape].schema, options) as unknown as StoreUnderTest
}

/** The same for a file on disk, by the public way. */
export function openOnDisk(path: string, shape: Shape, options: UnderTestOptions): StoreUnderTest {
  const all: UnderTestOptions = {
    ...(options.readOnly === true ? {} : { journalBytes: JOURNAL_BYTES }),
    ...options,
    indexes: INDEXES,
  }
  return openStore(path, SHAPES[shape].schema, all as StoreOptions) as unknown as StoreUnderTest
}

/** What a store holds, by number. @throws Error for a record whose bytes are not all of one record */
export function stateOf(store: Pick<StoreUnderTest, 'size' | 'scan'>): (Rec | undefined)[] {
  const records: (Rec | undefined)[] = new Array<undefined>(store.size).fill(undefined)
  for (const row of store.scan()) {
    const { number, lead, stamp, mark, fill } = row
    if (!isWholeRecord({ lead, stamp, mark, fill })) {
      throw new Error(
        `Record ${number} is made of several: stamp ${stamp}, mark ${mark}, first bytes ${fill.slice(0, 8)}`,
      )
    }
    records[number] = { lead, stamp, mark }
  }
  return records
}
