/**
 * Which objects does a store need over an opened file? The source of its reads and, for a writer, the parts that stage and commit.
 */

import type { AnySchema } from '../../schema/index.ts'
import { Committer } from '../commit/committer.ts'
import { NumberReservations } from '../commit/number-reservations.ts'
import { StoreWriter } from '../commit/store-writer.ts'
import type { ChecksumPolicy } from '../data-file/checked-records.ts'
import { RootWriter } from '../data-file/root-writer.ts'
import { Space } from '../data-file/space.ts'
import type { AppliedState } from '../format/root.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { FoldPace } from '../indexes/lifecycle/background-fold.ts'
import type { IndexCheckpointCalls } from '../indexes/lifecycle/index-checkpointer.ts'
import {
  createIndexes,
  type IndexOpening,
  type OpenedIndexes,
  openIndexes,
} from '../indexes/lifecycle/index-opening.ts'
import type { IndexRelay } from '../indexes/lifecycle/index-relay.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import type { ReadableIndexes } from '../indexes/lifecycle/reader-indexes.ts'
import { Journal } from '../journal/journal.ts'
import { scanJournal } from '../journal/journal-scan.ts'
import { KeptFrames } from '../journal/kept-frames.ts'
import { ColdSampling } from '../read/cold-sampling.ts'
import { Numbering } from '../read/numbering.ts'
import type { Reading, Source } from '../read/reading.ts'
import { Follower, openSharedWords, type Publisher } from '../sharing/publication.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { assertCurrent } from '../whole-files/same-file.ts'
import { type StoreSettings, windowSizes } from './options.ts'
import { locatorOver, type StoreFile } from './store-file.ts'

/** The parts that only a writer has. */
export interface WritingParts {
  readonly writer: StoreWriter
  readonly reservations: NumberReservations
  readonly committer: Committer
  readonly space: Space
  readonly publisher: Publisher
}

/** The source of a record set. */
export function sourceOf<S extends AnySchema>(
  file: StoreFile,
  options: StoreSettings,
  numbering = new Numbering(),
): Source<S> {
  const { path, addressing, pool, windowBytes } = file
  // The overlay of a reader may be as large as the journal of a dead writer.
  const bytesMax = options.readOnly ? Number.POSITIVE_INFINITY : options.stagedBytesMax
  const size = file.replay?.state.size ?? file.root.size
  const ownFrom = options.readOnly ? Number.POSITIVE_INFINITY : size
  const locator = locatorOver(file, bytesMax, checksumPolicy(options), ownFrom)
  const follower = options.readOnly ? new Follower(openSharedWords(file.file)) : undefined
  const codec = file.codec as Source<S>['codec']
  const coldSampling = new ColdSampling()
  return { path, codec, addressing, pool, locator, windowBytes, follower, coldSampling, numbering }
}

function checksumPolicy({ verifyReads }: StoreSettings): ChecksumPolicy {
  if (verifyReads === undefined) return 'first'
  return verifyReads ? 'each' : 'never'
}

/** Makes the writer's parts, and announces the writer to readers. */
export function startWriting<S extends AnySchema>(
  opened: StoreFile,
  { source, changed }: Reading<S>,
  options: StoreSettings,
  indexes: IndexRelay,
  announce: () => void,
): WritingParts {
  const { codec, locator } = source
  const { platform, path, file, pool, addressing, root, identity, limits } = opened
  const { journalBytes: slotBytes, allocate, reuseNumbers, keptBytesMax } = options
  const publisher = opened.publisher as Publisher
  const kept = new KeptFrames(opened, keptBytesMax)
  const createJournal = (): Journal => {
    assertCurrent(platform, path, file)
    const { changesPerSegment: changesMax } = limits
    return Journal.create(platform, path, identity, { slotBytes, changesMax, like: file, kept })
  }
  // From now on readers use root and journal.
  const failed = (): void => opened.lock.retract()
  const committed = (): void => {
    changed()
    indexes.applied()
    announce()
  }
  const { handedOver } = opened
  if (handedOver?.journal !== undefined) handedOver.journal.kept = kept
  const committer = new Committer({
    file,
    locator,
    publisher,
    roots: new RootWriter(file, handedOver?.durable ?? root, handedOver?.journal !== undefined),
    root,
    journal: handedOver?.journal,
    journalBytes: slotBytes,
    createJournal,
    changed: committed,
    failed,
    companion: indexes,
    keySpans: () => indexes.keySpans,
  })
  const { deletionBits, checksums } = locator
  const publish = (): void => committer.publishRoomSync()
  const space = new Space({
    file,
    pool,
    addressing,
    deletionBits,
    checksums,
    allocation: allocate,
    publish,
    state: root,
  })
  committer.attachSpace(space)
  if (handedOver === undefined) {
    publisher.publish(root)
    opened.lock.announce()
  } else {
    opened.lock.takeOver()
  }
  const storeTail = (): void => committer.storeTail()
  const reservations = new NumberReservations()
  const parts = { codec, locator, space, storeTail, reuseNumbers, reservations, path, changed, indexes }
  return { writer: new StoreWriter(parts), reservations, committer, space, publisher }
}

/** Opens the indexes of a file for writing. @returns undefined if the store has none */
export function* openStoreIndexes<S extends AnySchema>(
  file: StoreFile,
  source: Source<S>,
  options: StoreSettings,
  declared: readonly IndexDefinition[],
  applied: () => AppliedState,
  calls: IndexCheckpointCalls,
  pace: FoldPace,
): QuietSteps<OpenedIndexes | undefined> {
  const { replay, handedOver } = file
  const root = handedOver?.durable ?? file.root
  const state = replay?.state ?? file.root
  const opening = { ...openingOf(file, source, options), calls, pace, declared, root, state, applied }
  if (handedOver?.journal === undefined || (root.definitions === '' && declared.length === 0))
    return yield* openIndexes({ ...opening, frames: replay?.scan.frames ?? (() => []) })
  const { platform, path, identity, limits } = file
  const scan = yield* scanJournal(platform, path, identity, root, state.commitNumber, limits.journalBytesKept)
  try {
    return yield* openIndexes({ ...opening, frames: scan.frames })
  } finally {
    scan.close()
  }
}

/** Makes the index file of a store that has none. */
export function newStoreIndexes<S extends AnySchema>(
  file: StoreFile,
  source: Source<S>,
  options: StoreSettings,
  applied: () => AppliedState,
  calls: IndexCheckpointCalls,
  pace: FoldPace,
): IndexSet {
  const state = applied()
  const opening = {
    ...openingOf(file, source, options),
    declared: [],
    root: file.root,
    state,
    frames: () => [],
    applied,
    calls,
    pace,
  }
  return createIndexes(opening)
}

/** The source of a reader's indexes. */
export function readableIndexes<S extends AnySchema>(
  file: StoreFile,
  source: Source<S>,
  options: StoreSettings,
): ReadableIndexes {
  const { journalBytesKept } = file.limits
  return {
    ...openingOf(file, source, options),
    file: file.file,
    addressing: source.addressing,
    journalBytesKept,
  }
}

function openingOf<S extends AnySchema>(
  { platform, path, file, identity, codec }: StoreFile,
  { locator }: Source<S>,
  options: StoreSettings,
): Pick<IndexOpening, 'platform' | 'path' | 'identity' | 'codec' | 'locator' | 'windows' | 'like'> {
  return { platform, path, identity, codec, locator, windows: indexWindows(options), like: file }
}

/** Sizes of the windows of an index file. */
export function indexWindows(options: StoreSettings): IndexOpening['windows'] {
  return { ...windowSizes(options), advice: options.advice }
}
