/**
 * How does a read-only store see its indexes? The pages come from the last root of the index file. Later changes, from the root and the
 * journal of the store, are pending entries in this process's memory.
 *
 *   RI1  indexes are reloaded whenever the shared sequence changes. The writer also changes it when it publishes a root of the index file,
 *        so that no page is read that the writer may reuse.
 *   RI2  the store's root is read first, then the index file, then the journal. The frames after the root thus lead from the index file's
 *        commit to the last commit.
 */

import type { Platform, PlatformFile } from '../../../mmap/platform.ts'
import type { Codec } from '../../../schema/index.ts'
import type { Addressing } from '../../format/addressing.ts'
import type { Identity } from '../../format/identity.ts'
import { type CommitCounts, type Root, readRoot } from '../../format/root.ts'
import { type JournalScan, scanJournal } from '../../journal/journal-scan.ts'
import { JournalTail } from '../../journal/journal-tail.ts'
import { type HeldCommit, HeldCommitLost } from '../../recovery/held-commit.ts'
import type { Locator } from '../../staging/locator.ts'
import { allSteps } from '../../steps/steps.ts'
import { definitionsFrom, type IndexDefinition } from '../keys/index-definition.ts'
import { newestIndexRoot } from '../pages/index-root.ts'
import type { IndexAccess } from './index-file.ts'
import { indexesAsLeft, judgementOf, noteAppended, noteFrames, withDefinitions } from './index-opening.ts'
import type { IndexSet } from './index-set.ts'
import { openEitherIndexFile } from './next-index-file.ts'

export interface ReadableIndexes {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly identity: Identity
  readonly addressing: Addressing
  readonly codec: Codec<unknown>
  readonly locator: Locator
  /** See journal/journal-bytes.ts. */
  readonly journalBytesKept: number
  readonly windows: IndexAccess['windows']
}

/** Attempts of one load. The caller repeats the reading after that (consistent-reads.ts). */
const TRIES_MAX = 3
const NOTHING_TOLD = { held: undefined, frames: 0 }

export class ReaderIndexes {
  set: IndexSet | undefined
  /** The definitions in the store's root, and the reason if the indexes cannot be used. */
  definitions: readonly IndexDefinition[] = []
  reason = ''
  /** Reads the frames whose keys are not noted yet. */
  #tail: JournalTail | undefined
  /** The count of frames after a held commit whose keys are noted. */
  #told: { readonly held: HeldCommit | undefined; readonly frames: number } = NOTHING_TOLD
  /** The commit of the present entries. */
  #state: CommitCounts = { commitNumber: 0, size: 0, deletedCount: 0 }

  /**
   * Brings the indexes up to the commit that this reader sees.
   * @param syncedCommit from the shared words: a commit whose frame was synced
   * @param held keeps the reader at an earlier commit
   * @throws ERR_STRIDE_CORRUPT, _IO; HeldCommitLost if the pages of that commit are gone
   */
  refresh(
    store: ReadableIndexes,
    syncedCommit: number,
    state: CommitCounts,
    held: HeldCommit | undefined,
  ): void {
    if (this.set === undefined || !this.#goOn(this.set, store, state)) {
      this.forget()
      this.#read(store, syncedCommit, state)
    }
    this.#lookPast(held, store, state)
    this.#state = state
  }

  /** If the pages are newer than the held commit, notes the keys of the records that changed since. */
  #lookPast(held: HeldCommit | undefined, { locator, path }: ReadableIndexes, state: CommitCounts): void {
    const { set } = this
    if (set === undefined) return
    // Pages may have entries of records that were appended since. Their keys need not be known.
    set.recordsEnd = held === undefined ? undefined : state.size
    if (held === undefined || set.file.root.commitNumber <= state.commitNumber) return
    const told = this.#told.held === held ? this.#told.frames : 0
    const frames = held.tellKeys(locator.addressing.recordSize, set, told)
    if (frames === undefined) {
      this.forget()
      throw new HeldCommitLost(path)
    }
    this.#told = { held, frames }
  }

  /** Closes the indexes, when the store's file was replaced or closed. */
  forget(): void {
    this.set?.close()
    this.set = undefined
    this.#tail = undefined
    this.#told = NOTHING_TOLD
  }

  /** Adds the later commits. @returns false if the writer published a root or a frame is missing */
  #goOn(set: IndexSet, { locator }: ReadableIndexes, state: CommitCounts): boolean {
    if (state.commitNumber < this.#state.commitNumber) return false
    if (newestIndexRoot(set.file.file)?.rootNumber !== set.file.root.rootNumber) return false
    const frames = this.#tail?.read(state.commitNumber)
    if (frames === undefined) return false
    allSteps(noteFrames(set, { frames: () => frames, locator, state }))
    allSteps(noteAppended(set, { locator, state }, this.#state.size))
    return true
  }

  /** Loads the indexes. Repeats it if the files change meanwhile. @throws HeldCommitLost if they change each time */
  #read(store: ReadableIndexes, syncedCommit: number, state: CommitCounts): void {
    const { platform, path, file, identity, addressing, windows, journalBytesKept } = store
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const root = withDefinitions(readRoot(file, addressing), platform, path, identity)
      const isUnchanged = (): boolean => readRoot(file, addressing).rootNumber === root.rootNumber
      this.definitions = definitionsFrom(root.definitions, path)
      if (this.definitions.length === 0) return
      // The last commit of the journal is not known yet. It may be later than this reader's state.
      const end = root.journalSegment === 0 ? root.commitNumber : Number.POSITIVE_INFINITY
      const access = { platform, windows, readOnly: true }
      const found = openEitherIndexFile(path, identity, access, judgementOf(root, end))
      if (typeof found === 'string') {
        this.reason = found
        // A catalog that was overwritten while it was read only looks damaged, so it is read again.
        const isMoment = /catalog|both of its roots/.test(found) && tries < TRIES_MAX - 1
        if (isUnchanged() && !isMoment) return
        continue
      }
      let scan: JournalScan | undefined
      try {
        scan = allSteps(scanJournal(platform, path, identity, root, syncedCommit, journalBytesKept))
        const last = scan.last?.commitNumber ?? root.commitNumber
        // If the frames lead to the reader's commit without a gap, a newer root does not matter.
        if (last >= state.commitNumber || isUnchanged()) {
          this.reason = judgementOf(root, last)(found) ?? ''
          if (this.reason !== '') {
            found.close()
            return
          }
          this.set = indexesAsLeft(found, { ...store, root, state, frames: scan.frames })
          this.#tail = tailBehind(store, root, scan)
          return
        }
      } catch (error) {
        found.close()
        // The journal may have been reused while it was read.
        if (isUnchanged()) throw error
        continue
      } finally {
        scan?.close()
      }
      found.close()
    }
    throw new HeldCommitLost(path)
  }
}

/** A tail of the journal after the last scanned frame, or after the root. */
function tailBehind(store: ReadableIndexes, root: Root, { last, extents }: JournalScan): JournalTail {
  const extent = extents.at(-1)
  if (last === undefined || extent === undefined) return new JournalTail(store, root.commitNumber)
  const place = { salt: root.journalSalt, segment: last.segment, end: extent.end }
  return new JournalTail(store, last.commitNumber, place)
}
