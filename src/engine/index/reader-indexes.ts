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
import type { Locator } from '../locator.ts'
import { readRoot } from '../root.ts'
import { type IndexAccess, IndexFile, indexPathOf } from './index-file.ts'
import { indexesAsLeft } from './index-opening.ts'
import type { IndexSet } from './index-set.ts'

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

/**
 * Opens the indexes for reading. @returns why there are none, where there are none
 * @param appliedCommit the last commit that was in the file
 * @param state what is committed as this reader sees it
 */
export function readIndexes(
  store: ReadableIndexes,
  appliedCommit: number,
  state: AppliedState,
): IndexSet | string {
  const { platform, path, file, identity, addressing, windows } = store
  for (let tries = 1; ; tries++) {
    const isLast = tries === TRIES_MAX
    const root = readRoot(file, addressing)
    const found = IndexFile.open(indexPathOf(path), identity, { platform, windows, readOnly: true })
    // A catalog that is written over while it is read is damaged for a moment only.
    if (typeof found === 'string') {
      if (isLast || !/catalog|root/.test(found)) return found
      continue
    }
    try {
      const { frames } = scanJournal(platform, path, identity, root, appliedCommit)
      const isStill = readRoot(file, addressing).rootNumber === root.rootNumber
      if (isStill || isLast) {
        if (found.root.commitNumber < root.commitNumber) {
          found.close()
          return `the index file is of commit ${found.root.commitNumber}, the store's root of ${root.commitNumber}`
        }
        return indexesAsLeft(found, { ...store, rootCommit: root.commitNumber, state, frames })
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
