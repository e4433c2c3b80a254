/**
 * The indexes of a store that another process writes, or left: the pages that its last root of the index file names, and what
 * root and journal of the store say beyond them, in this process's memory.
 *
 *   Z1  looked at anew whenever the writer's sequence moved; it moves, too, when the writer publishes a root of the index file,
 *       so that no page is read that the writer may use again.
 *   Z2  the store's root is read before the index file's, and again after the journal: then the frames behind it lead from the
 *       index file's commit to what is committed.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import type { Codec } from '../../schema/index.ts'
import type { Addressing } from '../addressing.ts'
import type { AppliedState } from '../checkpointer.ts'
import type { Identity } from '../header.ts'
import { scanJournal } from '../journal/journal-scan.ts'
import { JournalTail } from '../journal/journal-tail.ts'
import type { Locator } from '../locator.ts'
import { readRoot } from '../root.ts'
import type { IndexAccess } from './index-file.ts'
import { indexesAsLeft, noteAppended, noteFrames } from './index-opening.ts'
import { newestIndexRoot } from './index-root.ts'
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
  readonly windows: IndexAccess['windows']
}

const TRIES_MAX = 100

export class ReaderIndexes {
  set: IndexSet | undefined
  /** Why there are none, where there are none. */
  reason = ''
  /** Frames that the set was not told of yet. */
  #tail: JournalTail | undefined
  /** What the set is up to date with. */
  #state: AppliedState = { commitNumber: 0, size: 0, deletedCount: 0 }

  /**
   * Brings the indexes up to what is committed as this reader sees it.
   * @param appliedCommit the last commit that was in the file
   * @throws ERR_STRIDE_CORRUPT, _IO
   */
  refresh(store: ReadableIndexes, appliedCommit: number, state: AppliedState): void {
    if (this.set === undefined || !this.#goOn(this.set, store, state)) {
      this.forget()
      this.#read(store, appliedCommit, state)
    }
    this.#state = state
  }

  /** The store's file is another one, or closed. */
  forget(): void {
    this.set?.close()
    this.set = undefined
    this.#tail = undefined
  }

  /** Adds the commits since. @returns whether that was possible: the writer published no root, and they were all found */
  #goOn(set: IndexSet, { locator }: ReadableIndexes, state: AppliedState): boolean {
    if (state.commitNumber < this.#state.commitNumber) return false
    if (newestIndexRoot(set.file.file)?.rootNumber !== set.file.root.rootNumber) return false
    const frames = this.#tail?.read(state.commitNumber)
    if (frames === undefined) return false
    noteFrames(set, { frames, locator })
    noteAppended(set, { locator, state }, this.#state.size)
    return true
  }

  /** Reads what there is, again where it changed meanwhile. */
  #read(store: ReadableIndexes, appliedCommit: number, state: AppliedState): void {
    const { platform, path, file, identity, addressing, windows } = store
    for (let tries = 1; ; tries++) {
      const isLast = tries === TRIES_MAX
      const root = readRoot(file, addressing)
      const found = openEitherIndexFile(path, identity, { platform, windows, readOnly: true })
      // A catalog that is written over while it is read is damaged for a moment only.
      if (typeof found === 'string') {
        this.reason = found
        if (isLast || !/catalog|root/.test(found)) return
        continue
      }
      try {
        const { frames } = scanJournal(platform, path, identity, root, appliedCommit)
        if (isLast || readRoot(file, addressing).rootNumber === root.rootNumber) {
          if (found.root.commitNumber < root.commitNumber) {
            found.close()
            this.reason = `the index file is of commit ${found.root.commitNumber}, the store's root of ${root.commitNumber}`
            return
          }
          this.set = indexesAsLeft(found, { ...store, rootCommit: root.commitNumber, state, frames })
          const frame = frames.at(-1)
          this.#tail =
            frame === undefined
              ? new JournalTail(store, root.commitNumber)
              : new JournalTail(store, frame.head.commitNumber, { frame, salt: root.journalSalt })
          return
        }
      } catch (error) {
        found.close()
        // The journal went on while it was read.
        if (isLast || readRoot(file, addressing).rootNumber === root.rootNumber) throw error
        continue
      }
      found.close()
    }
  }
}
