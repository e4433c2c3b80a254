/**
 * Opens the indexes of a store: what the file has, what the journal adds to it, what is declared and not there yet.
 *
 *   V1  the pages of the file are right as of the commit of its root, but for what the root says waits. The keys of all images
 *       in frames behind that commit, replaced ones included, and those of records appended since, join what waits: recovery
 *       is as long as the journal, and doing it again does no harm.
 *   V2  a file that is missing, another store's, damaged, or of a commit from which the journal does not lead to the store's
 *       is made anew from the records, and `recovery` says so.
 */

import { InvariantError } from '../../errors.ts'
import type { Platform } from '../../mmap/platform.ts'
import type { Codec } from '../../schema/index.ts'
import type { AppliedState } from '../checkpointer.ts'
import type { Identity } from '../header.ts'
import { readChanges, replacedImage } from '../journal/frame-read.ts'
import type { Frame } from '../journal/journal-scan.ts'
import type { Locator } from '../locator.ts'
import { type IndexDefinition, isSameDefinition } from './index-definition.ts'
import { createIndexFile, type IndexAccess, IndexFile, indexPathOf } from './index-file.ts'
import { IndexSet } from './index-set.ts'
import { settleNextIndexFile } from './next-index-file.ts'

export interface IndexOpening {
  readonly platform: Platform
  readonly path: string
  readonly identity: Identity
  readonly codec: Codec<unknown>
  readonly locator: Locator
  readonly windows: IndexAccess['windows']
  readonly mode: number | undefined
  readonly declared: readonly IndexDefinition[]
  /** The commit of the root that the store was opened with, and what is committed: the root, or the journal's last. */
  readonly rootCommit: number
  readonly state: AppliedState
  /** What the journal has behind that root. */
  readonly frames: readonly Frame[]
  readonly applied: () => AppliedState
  /** Called when a root was published: readers look again. */
  readonly published: () => void
}

export interface OpenedIndexes {
  readonly set: IndexSet
  /** Why indexes were built from the records; empty where none was. */
  readonly rebuilt: readonly RebuiltIndex[]
  /** Declared, and still to be built. */
  readonly missing: readonly IndexDefinition[]
}

/** An index that opening built from the records. */
export interface RebuiltIndex {
  readonly index: string
  readonly reason: string
}

/** Opens the file for writing, or makes it. @returns undefined where the store has no index @throws ERR_STRIDE_IO, _NO_SPACE, … */
export function openIndexes(opening: IndexOpening): OpenedIndexes | undefined {
  const { platform, path, identity, declared, windows } = opening
  const indexPath = indexPathOf(path)
  const access = { platform, windows, readOnly: false }
  settleNextIndexFile(path, identity, access)
  if (declared.length === 0 && !platform.exists(indexPath)) return undefined
  let wanted = declared
  let found = IndexFile.open(indexPath, identity, access)
  if (found instanceof IndexFile) {
    const reason = whyStale(found, opening)
    if (reason !== undefined) {
      const left = found.entries.map(entry => entry.definition)
      wanted = union(declared, left, opening)
      found.close()
      found = reason
    }
  } else {
    wanted = union(declared, IndexFile.definitionsOf(indexPath, identity, access), opening)
  }
  if (!(found instanceof IndexFile)) {
    if (wanted.length === 0) return undefined
    const reason = found
    return {
      set: createIndexes(opening),
      missing: wanted,
      rebuilt: wanted.map(({ name }) => ({ index: name, reason })),
    }
  }
  try {
    return restored(found, opening)
  } catch (error) {
    found.close()
    throw error
  }
}

/** Makes the file, without an index, in place of one that may be there. @throws ERR_STRIDE_NO_SPACE, _IO */
export function createIndexes(opening: IndexOpening): IndexSet {
  const { platform, path, identity, windows, mode } = opening
  const indexPath = indexPathOf(path)
  createIndexFile(platform, indexPath, identity, mode)
  const file = IndexFile.open(indexPath, identity, { platform, windows, readOnly: false })
  if (typeof file === 'string') throw new InvariantError(`a new index file cannot be opened: ${file}`)
  return setOver(file, opening)
}

function restored(file: IndexFile, opening: IndexOpening): OpenedIndexes {
  const { declared, codec } = opening
  const set = setOver(file, opening)
  const rebuilt: RebuiltIndex[] = []
  const missing: IndexDefinition[] = []
  for (const entry of file.entries) {
    const { definition } = entry
    const other = declared.find(({ name }) => name === definition.name)
    if (other !== undefined && !isSameDefinition(other, definition)) {
      for (const place of entry.arrays.places) file.space.drop(place & 0x7fffffff)
      rebuilt.push({ index: definition.name, reason: 'it is declared otherwise than it was' })
    } else if (definition.on.every(field => codec.hasField(field))) {
      set.restore(entry)
    }
  }
  for (const definition of declared) {
    if (set.definitions.some(({ name }) => name === definition.name)) continue
    missing.push(definition)
    if (!rebuilt.some(({ index }) => index === definition.name)) {
      rebuilt.push({ index: definition.name, reason: 'it was not there yet' })
    }
  }
  noteFrames(set, opening)
  noteAppended(set, opening, file.root.size)
  return { set, rebuilt, missing }
}

/** For a reader: what a file has, with what the journal says beyond it; nothing is ever written. */
export function indexesAsLeft(
  file: IndexFile,
  left: Omit<IndexOpening, 'mode' | 'declared' | 'applied' | 'published'>,
): IndexSet {
  const { state } = left
  const opening = { ...left, mode: undefined, declared: [], applied: () => state, published: () => {} }
  return restored(file, opening).set
}

function setOver(file: IndexFile, opening: IndexOpening): IndexSet {
  const { path, codec, locator, applied, published } = opening
  const { layout } = codec
  const readField = (view: DataView, bytes: Buffer, at: number, name: string): unknown =>
    codec.readField(view, bytes, at, name)
  return new IndexSet({ path, file, layout, locator, applied, readField, published })
}

/** Why a file cannot be brought up to date from the journal. One without any index has nothing to bring. */
function whyStale(file: IndexFile, { rootCommit, state }: IndexOpening): string | undefined {
  const { commitNumber } = file.root
  if (file.entries.length === 0) return undefined
  if (commitNumber < rootCommit) return `it is of commit ${commitNumber}, the store's root of ${rootCommit}`
  if (commitNumber > state.commitNumber)
    return `it is of commit ${commitNumber}, the store of ${state.commitNumber}`
  return undefined
}

/** The keys of all that the frames behind the file's root replaced and stored. */
export function noteFrames(set: IndexSet, { frames, locator }: Pick<IndexOpening, 'frames' | 'locator'>): void {
  const { recordSize } = locator.addressing
  for (const { head, bytes, at } of frames) {
    if (head.commitNumber <= set.file.root.commitNumber) continue
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (const change of readChanges(bytes, at, head, recordSize) ?? []) {
      const old = replacedImage(bytes, change, recordSize)
      if (old !== undefined)
        set.note(change.recordNumber, new DataView(old.buffer, old.byteOffset, old.length), 0)
      if (change.imageAt >= 0) set.note(change.recordNumber, view, change.imageAt)
    }
  }
}

/** The keys of records from `from` on, which were appended. */
export function noteAppended(
  set: IndexSet,
  { locator, state }: Pick<IndexOpening, 'locator' | 'state'>,
  from: number,
): void {
  const { size } = state
  for (let n = locator.nextLive(from, size); n < size; n = locator.nextLive(n, size)) {
    const source = locator.run(n, size)
    if (source === undefined) return
    const { at, count } = locator
    const { stride } = locator.addressing
    const view = source.view as DataView
    for (let i = 0; i < count; i++) set.note(n + i, view, at + i * stride)
    n += count
  }
}

/** What is declared, and what was there before, as far as its fields still are. */
function union(
  declared: readonly IndexDefinition[],
  found: readonly IndexDefinition[],
  { codec }: IndexOpening,
): readonly IndexDefinition[] {
  const isNew = ({ name, on }: IndexDefinition): boolean =>
    declared.every(other => other.name !== name) && on.every(field => codec.hasField(field))
  return [...declared, ...found.filter(isNew)]
}
