/**
 * Opens the indexes of a store: those that its root defines and those that are declared. Their pages come from the index file, later
 * changes from the journal.
 *
 *   IO1  the pages and the pending entries in the catalog have the state of the root's commit. The keys of all images and before-images in
 *        later frames, and of records appended since, become pending entries. Recovery is idempotent, and its time is proportional to the
 *        length of the journal.
 *   IO2  an index file that is missing, damaged, or of another history or commit than the store (index-file-owner.ts) is rebuilt from the
 *        records. So is an index that the file lacks or has with another definition. `recovery` reports it.
 *   IO3  the store's root decides which indexes exist (D10). Other indexes in the file are dropped. An index that the root does not define
 *        is built even if the file has it, since frames need not have its keys (J4).
 */

import { InvariantError } from '../../../errors.ts'
import type { Platform, PlatformFile } from '../../../mmap/platform.ts'
import type { Codec, Layout } from '../../../schema/index.ts'
import { packDefinitions } from '../../format/definitions-bytes.ts'
import { indexPathOf } from '../../format/file-names.ts'
import type { Identity } from '../../format/identity.ts'
import type { AppliedState, CommitCounts, Root } from '../../format/root.ts'
import { ChangeKeys } from '../../journal/change-keys.ts'
import { changesInSteps, FRAMES_A_STEP, type Frame } from '../../journal/frame-read.ts'
import type { RebuiltIndex } from '../../recovery/recovery.ts'
import type { Locator } from '../../staging/locator.ts'
import { allSteps, type QuietSteps } from '../../steps/steps.ts'
import {
  definitionsFrom,
  definitionsText,
  type IndexDefinition,
  isSameDefinition,
} from '../keys/index-definition.ts'
import { planIndex } from '../keys/key-plan.ts'
import { whyOtherHistory } from '../pages/index-file-owner.ts'
import { FOLD_PACE, type FoldPace } from './background-fold.ts'
import type { IndexCheckpointCalls } from './index-checkpointer.ts'
import { createIndexFile, type IndexAccess, IndexFile } from './index-file.ts'
import { IndexSet } from './index-set.ts'
import { type Judgement, openEitherIndexFile, settleNextIndexFile } from './next-index-file.ts'

const RECORDS_A_STEP = 4096

export interface IndexOpening {
  readonly platform: Platform
  readonly path: string
  readonly identity: Identity
  readonly codec: Codec<unknown>
  readonly locator: Locator
  readonly windows: IndexAccess['windows']
  /** The store's file, whose owner and permission bits a created index file gets. */
  readonly like: PlatformFile | undefined
  /** The definitions that the opener declares, besides those in the root. */
  readonly declared: readonly IndexDefinition[]
  /** The root with which the store was opened, and the counts of the last commit, in the root or the journal. */
  readonly root: Root
  readonly state: CommitCounts
  /** The journal's frames after that root. */
  readonly frames: () => Iterable<Frame>
  readonly applied: () => AppliedState
  readonly calls: IndexCheckpointCalls
  readonly pace?: FoldPace
}

export interface OpenedIndexes {
  readonly set: IndexSet
  /** The indexes that are built from the records, and why. */
  readonly rebuilt: readonly RebuiltIndex[]
  /** The indexes that are still to be built. */
  readonly missing: readonly IndexDefinition[]
}

/** Adds the definitions of the indexes to a root of format version 1, in which only the index file has them. */
export function withDefinitions(root: Root, platform: Platform, path: string, identity: Identity): Root {
  if (root.formatVersion > 1) return root
  const left = IndexFile.definitionsOf(platform, indexPathOf(path), identity)
  return { ...root, definitions: definitionsText(left) }
}

/** The definitions in the store's root, with the declared ones, which replace others of the same name. */
export function wantedIndexes({ root, declared, path, codec }: IndexOpening): readonly IndexDefinition[] {
  const named = new Map(declared.map(definition => [definition.name, definition]))
  const defined = definitionsFrom(root.definitions, path).filter(({ on }) =>
    on.every(field => codec.hasField(field)),
  )
  const wanted = new Map([...defined.map(definition => [definition.name, definition] as const), ...named])
  return [...wanted.values()]
}

/**
 * Checks that a store of this layout can have these indexes, before any file is created or changed.
 * @throws RangeError for an unknown field, TypeError for a field named twice; ERR_STRIDE_LIMIT
 */
export function checkDefinitions(layout: Layout, definitions: readonly IndexDefinition[]): void {
  for (const definition of definitions) planIndex(layout, definition)
  packDefinitions(definitionsText(definitions))
}

/**
 * Opens the index file for writing, or creates it.
 * @returns undefined if the store has no index
 * @throws ERR_STRIDE_EXISTS if another file has its name, _NO_SPACE, _IO
 */
export function* openIndexes(opening: IndexOpening): QuietSteps<OpenedIndexes | undefined> {
  const { path, platform, identity, windows } = opening
  const access = { platform, windows, readOnly: false }
  const judge = judgementOf(opening.root, opening.state.commitNumber)
  const wanted = wantedIndexes(opening)
  checkDefinitions(opening.codec.layout, wanted)
  settleNextIndexFile(path, identity, access, judge)
  if (wanted.length === 0) return undefined
  const found = openEitherIndexFile(path, identity, access, judge)
  if (typeof found === 'string') {
    const rebuilt = wanted.map(({ name }) => ({ index: name, reason: found }))
    return { set: createIndexes(opening), missing: wanted, rebuilt }
  }
  try {
    return yield* restored(found, opening, wanted)
  } catch (error) {
    found.close()
    throw error
  }
}

/** Creates the index file, without an index. It may replace one of the same store. @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO */
export function createIndexes(opening: IndexOpening): IndexSet {
  const { platform, path, identity, windows, like, root, state } = opening
  const indexPath = indexPathOf(path)
  const history = root.definitions === '' ? undefined : { root, committed: state.commitNumber }
  createIndexFile(platform, indexPath, identity, like, undefined, history)
  const file = IndexFile.open(indexPath, identity, { platform, windows, readOnly: false })
  if (typeof file === 'string') throw new InvariantError(`a new index file cannot be opened: ${file}`)
  return setOver(file, opening)
}

/** Restores the wanted indexes of the file. The pages of all others are dropped. */
function* restored(
  file: IndexFile,
  opening: IndexOpening,
  wanted: readonly IndexDefinition[],
): QuietSteps<OpenedIndexes> {
  const set = setOver(file, opening)
  const found = new Set(file.entries.map(entry => entry.definition.name))
  const defined = definitionsFrom(opening.root.definitions, opening.path)
  for (const entry of file.entries) {
    const isIn = (some: readonly IndexDefinition[]): boolean =>
      some.some(other => other.name === entry.definition.name && isSameDefinition(other, entry.definition))
    if (isIn(wanted) && isIn(defined)) set.restore(entry)
    else for (const place of entry.arrays.places) file.space.drop(place & 0x7fffffff)
  }
  const missing = wanted.filter(({ name }) => set.definitions.every(definition => definition.name !== name))
  const reasonFor = ({ name }: IndexDefinition): string => {
    if (defined.every(other => other.name !== name)) return 'it was not there yet'
    return found.has(name) ? 'it is declared otherwise than it was' : 'the index file does not have it'
  }
  yield* noteFrames(set, opening)
  yield* noteAppended(set, opening, file.root.size)
  const rebuilt = missing.map(definition => ({ index: definition.name, reason: reasonFor(definition) }))
  return { set, rebuilt, missing }
}

/** Callbacks of an index set that publishes nothing. */
export const UNHEARD: IndexCheckpointCalls = {
  published: () => {},
  failed: () => {},
  isWriting: () => false,
}

/** For a reader: the indexes of a file, with the changes of later frames. Nothing is written. */
export function indexesAsLeft(
  file: IndexFile,
  left: Omit<IndexOpening, 'like' | 'declared' | 'applied' | 'calls'>,
): IndexSet {
  const { state, root } = left
  const applied = (): AppliedState => ({ ...state, lineage: root.lineage })
  const opening = { ...left, like: undefined, declared: [], applied, calls: UNHEARD }
  return allSteps(restored(file, opening, wantedIndexes(opening))).set
}

function setOver(file: IndexFile, opening: IndexOpening): IndexSet {
  const { path, codec, locator, applied, calls, pace = FOLD_PACE } = opening
  const { layout } = codec
  const readField = (view: DataView, bytes: Buffer, at: number, name: string): unknown =>
    codec.readField(view, bytes, at, name)
  return new IndexSet({ path, file, layout, locator, applied, readField, calls, pace })
}

/** Judges whether a file can be brought up to date from the journal. A file without an index always can. */
export function judgementOf(root: Root, committed: number): Judgement {
  return file => (file.entries.length === 0 ? undefined : whyOtherHistory(file.root, root, committed))
}

/** Notes the keys of all images and before-images in the frames after the file's root, in steps. Records behind `state` have none. */
export function* noteFrames(
  set: IndexSet,
  { frames, locator, state }: Pick<IndexOpening, 'frames' | 'locator' | 'state'>,
): QuietSteps<void> {
  const { recordSize } = locator.addressing
  const { size } = state
  const keys = new ChangeKeys(recordSize)
  for (const frame of frames()) {
    if (frame.head.commitNumber <= set.file.root.commitNumber) continue
    yield* changesInSteps(frame, recordSize, change => {
      if (change.recordNumber < size) keys.tell(set, frame.bytes, change)
    })
    if (frame.head.commitNumber % FRAMES_A_STEP === 0) yield
  }
}

/** Notes the keys of the appended records from `from` on, in steps. */
export function* noteAppended(
  set: IndexSet,
  { locator, state }: Pick<IndexOpening, 'locator' | 'state'>,
  from: number,
): QuietSteps<void> {
  const { size } = state
  let noted = 0
  for (let n = locator.nextLive(from, size); n < size; n = locator.nextLive(n, size)) {
    const source = locator.run(n, Math.min(size, n + RECORDS_A_STEP))
    if (source === undefined) return
    const { at, count } = locator
    const { stride } = locator.addressing
    const view = source.view as DataView
    for (let i = 0; i < count; i++) set.note(n + i, view, at + i * stride)
    n += count
    noted += count
    if (noted < RECORDS_A_STEP) continue
    noted = 0
    yield
  }
}
