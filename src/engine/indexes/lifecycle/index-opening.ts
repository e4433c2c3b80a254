/**
 * Opens the indexes of a store: those that its root defines and those that are declared, as the index file has them and with what
 * the journal adds.
 *
 *   IO1  the pages of the file are right as of the commit of its root, but for the pending entries that the root names. The keys of all
 *       images in frames behind that commit, replaced ones included, and of records appended since, become pending entries:
 *       recovery takes as long as the journal is, and is idempotent.
 *   IO2  an index file that is missing, damaged, or of another history or commit than the store (index-belonging.ts) is rebuilt from
 *       the records, and so is an index that it does not have, or has by another definition; `recovery` says so.
 *   IO3  the root decides which indexes there are (D10): what else the file has is dropped. An index that the root does not define is
 *        built, even if the file has it: frames need not have its keys (J4).
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
import { whyOtherHistory } from '../pages/index-belonging.ts'
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
  /** What the opener asks for, beside what the root says. */
  readonly declared: readonly IndexDefinition[]
  /** The root that the store was opened with, and what is committed: the root, or the journal's last. */
  readonly root: Root
  readonly state: CommitCounts
  /** What the journal has behind that root. */
  readonly frames: () => Iterable<Frame>
  readonly applied: () => AppliedState
  readonly calls: IndexCheckpointCalls
  readonly pace?: FoldPace
}

export interface OpenedIndexes {
  readonly set: IndexSet
  /** Why indexes were built from the records; empty where none was. */
  readonly rebuilt: readonly RebuiltIndex[]
  /** What the store has, and is still to be built. */
  readonly missing: readonly IndexDefinition[]
}

/** The root with the definitions of its indexes: until version 2 only the index file had them. */
export function withDefinitions(root: Root, platform: Platform, path: string, identity: Identity): Root {
  if (root.formatVersion > 1) return root
  const left = IndexFile.definitionsOf(platform, indexPathOf(path), identity)
  return { ...root, definitions: definitionsText(left) }
}

/** What the store has according to its root, with what is declared in the place of others of the same name and beside them. */
export function wantedIndexes({ root, declared, path, codec }: IndexOpening): readonly IndexDefinition[] {
  const named = new Map(declared.map(definition => [definition.name, definition]))
  const defined = definitionsFrom(root.definitions, path).filter(({ on }) =>
    on.every(field => codec.hasField(field)),
  )
  const wanted = new Map([...defined.map(definition => [definition.name, definition] as const), ...named])
  return [...wanted.values()]
}

/**
 * Before any file is created or changed for them: whether a store of this layout can have these indexes.
 * @throws RangeError, TypeError for fields that are not there or named twice; ERR_STRIDE_LIMIT
 */
export function checkDefinitions(layout: Layout, definitions: readonly IndexDefinition[]): void {
  for (const definition of definitions) planIndex(layout, definition)
  packDefinitions(definitionsText(definitions))
}

/**
 * Opens the file for writing, or makes it.
 * @returns undefined where the store has no index
 * @throws ERR_STRIDE_EXISTS where another file has its name, _NO_SPACE, _IO
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

/** Makes the file, without an index, in place of one that may be there. @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO */
export function createIndexes(opening: IndexOpening): IndexSet {
  const { platform, path, identity, windows, like, root, state } = opening
  const indexPath = indexPathOf(path)
  const history = root.definitions === '' ? undefined : { root, committed: state.commitNumber }
  createIndexFile(platform, indexPath, identity, like, undefined, history)
  const file = IndexFile.open(indexPath, identity, { platform, windows, readOnly: false })
  if (typeof file === 'string') throw new InvariantError(`a new index file cannot be opened: ${file}`)
  return setOver(file, opening)
}

/** Takes over what the file has and is wanted; the pages of everything else are free with the next root. */
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

/** For who publishes nothing. */
export const UNHEARD: IndexCheckpointCalls = {
  published: () => {},
  failed: () => {},
  isWriting: () => false,
}

/** For a reader: what a file has of the store's indexes, with what the journal says beyond it; nothing is ever written. */
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

/** Why a file cannot be brought up to date from the journal. One without any index has nothing to bring. */
export function judgementOf(root: Root, committed: number): Judgement {
  return file => (file.entries.length === 0 ? undefined : whyOtherHistory(file.root, root, committed))
}

/** The keys of all that the frames behind the file's root replaced and stored; in steps. */
export function* noteFrames(
  set: IndexSet,
  { frames, locator }: Pick<IndexOpening, 'frames' | 'locator'>,
): QuietSteps<void> {
  const { recordSize } = locator.addressing
  const keys = new ChangeKeys(recordSize)
  for (const frame of frames()) {
    if (frame.head.commitNumber <= set.file.root.commitNumber) continue
    yield* changesInSteps(frame, recordSize, change => keys.tell(set, frame.bytes, change))
    if (frame.head.commitNumber % FRAMES_A_STEP === 0) yield
  }
}

/** The keys of records from `from` on, which were appended; in steps. */
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
