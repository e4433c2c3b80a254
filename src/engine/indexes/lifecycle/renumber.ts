/**
 * Writes the indexes of a compacted store: the same keys in the same order, with the new record numbers.
 *
 * Compact keeps the order of records, so each page becomes one page, and no record is read. Naming the new file: next-index-file.ts.
 */

import { InvariantError } from '../../../errors.ts'
import type { Platform } from '../../../mmap/platform.ts'
import { indexPathOf, nextIndexPathOf } from '../../format/file-names.ts'
import { corrupt, type Identity } from '../../format/identity.ts'
import { runBlocking } from '../../steps/protocol.ts'
import type { Steps } from '../../steps/steps.ts'
import { EntryBuffer } from '../keys/entry-words.ts'
import { PageList } from '../pages/directory.ts'
import { assertReplaceable, type IndexOwner } from '../pages/index-file-owner.ts'
import type { IndexedCommit } from '../pages/index-root.ts'
import { PageWriter } from '../pages/page-writer.ts'
import { IndexTree } from '../trees/index-tree.ts'
import { createIndexFile, type IndexAccess, IndexFile } from './index-file.ts'
import type { IndexSet } from './index-set.ts'
import { discardNextIndexFile, takeOver } from './next-index-file.ts'

const PAGES_A_YIELD = 64
/** Above every record number. */
const BEHIND_ALL = 0xffffffff

/** A data file that compact has written. */
export interface CompactedStore {
  readonly identity: Identity
  readonly commitNumber: number
  readonly size: number
  /** Random, since the new file begins a history of its own. */
  readonly lineage: string
  /** For each old record number the new one, or GONE. */
  readonly moved: Float64Array
}

export interface Renumbering {
  readonly platform: Platform
  /** Path of the store. */
  readonly path: string
  /** The store and generation of the new indexes. */
  readonly owner: IndexOwner
  readonly windows: IndexAccess['windows']
  /** The new number of each record; negative if it is gone. */
  readonly moved: Float64Array
  /** The commit of the new data file. */
  readonly commit: IndexedCommit
}

/** A next index file, written before its store's file is replaced. */
export interface NextIndexes {
  /** Takes the name of the old index file, which is closed. */
  takeOver(): void
  discard(): void
}

/**
 * Writes the indexes of a set without pending entries. If it is ended early, it leaves nothing.
 * @throws ERR_STRIDE_CORRUPT for a damaged page, _EXISTS if another file has a needed name, _NO_SPACE, _IO
 */
export function* renumberIndexes(set: IndexSet, renumbering: Renumbering): Steps<NextIndexes> {
  const { platform, path, owner, windows, moved, commit } = renumbering
  const next = nextIndexPathOf(path)
  // Errors are ignored, since an earlier error is being thrown.
  const discard = (): void => discardNextIndexFile(platform, path, owner)
  assertReplaceable(platform, indexPathOf(path), owner.storeId)
  createIndexFile(platform, next, owner, set.file.file, set.file.seed)
  let isWhole = false
  try {
    const file = IndexFile.open(next, owner, { platform, windows, readOnly: false })
    if (typeof file === 'string') throw new InvariantError(`a new index file cannot be opened: ${file}`)
    try {
      const trees: IndexTree[] = []
      for (const { tree } of set.all) trees.push(yield* renumberTree(tree, set.file, file, moved))
      runBlocking(file.publication(trees, commit))
    } finally {
      file.close()
    }
    isWhole = true
  } finally {
    if (!isWhole) discard()
  }
  return { takeOver: () => takeOver(platform, path, owner), discard }
}

function* renumberTree(tree: IndexTree, from: IndexFile, to: IndexFile, moved: Float64Array): Steps<IndexTree> {
  const { indexNumber, definition, format, directory } = tree
  const words = format.entryWords
  const entries = new EntryBuffer(words, format.capacity)
  const fence = new Uint32Array(words)
  const added = new PageList(words)
  const writer = new PageWriter(to.pool, to.space)
  // The first page is kept even if it is empty, since its fence is below every key. Other empty pages are left out.
  const isKept = (i: number): boolean => i === 0 || i >= directory.pageCount || directory.countOf(i) > 0
  to.beginWriting()
  for (let i = 0, next = 0; i < directory.pageCount; i = next) {
    const at = from.view.find(directory, i)
    entries.clear()
    format.readEntries(from.view.view, at, directory.countOf(i), directory.isPacked(i), entries)
    for (let e = 0; e < entries.count; e++) {
      const n = moved[entries.numberAt(e)] ?? -1
      if (n < 0) throw corrupt(from.path, directory.placeOf(i), 'an index has a record that is deleted')
      entries.data[(e + 1) * words - 1] = n
    }
    if (i > 0) {
      directory.copyFence(i, fence)
      fence[words - 1] = beginsWith(entries, fence) ? entries.numberAt(0) : BEHIND_ALL
    }
    next = i + 1
    while (!isKept(next)) next++
    const range = { low: fence[0] as number, high: directory.fenceWord(next) }
    const { place, isPacked, checksum } = writer.write(format, indexNumber, entries, 0, entries.count, range)
    added.push(place, isPacked, checksum, entries.count, fence)
    if (added.count % PAGES_A_YIELD === 0) yield { done: i, total: directory.pageCount }
  }
  writer.flush()
  const renumbered = IndexTree.over(indexNumber, definition, format)
  if (added.count > 0) renumbered.directory.apply([{ from: 0, removed: 0, added }])
  return renumbered
}

/** Whether the first entry has the key of a fence. */
function beginsWith({ data, words }: EntryBuffer, fence: Uint32Array): boolean {
  for (let k = 0; k < words - 1; k++) if (data[k] !== fence[k]) return false
  return true
}
