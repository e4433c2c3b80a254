/**
 * How do the indexes of a writer by turns learn what other writers committed since its last turn? From the frames of the journal.
 *
 *   RY1  they continue only if no other writer can have stored over their pages: no root of the index file was published since, and they
 *        had no page that no root reaches. Otherwise they are opened again.
 * Opening them: writer-indexes.ts.
 */

import type { AppliedState, Root } from '../format/root.ts'
import { noteAppended, noteFrames } from '../indexes/lifecycle/index-opening.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import { newestIndexRoot } from '../indexes/pages/index-root.ts'
import type { Journal } from '../journal/journal.ts'
import { JournalTail, type TailPlace } from '../journal/journal-tail.ts'
import type { Locator } from '../staging/locator.ts'
import { allSteps } from '../steps/steps.ts'
import type { HandedOver } from './handed-over.ts'
import type { StoreFile } from './store-file.ts'

export class RestedIndexes {
  readonly #set: IndexSet | undefined
  readonly #applied: AppliedState
  readonly #definitions: string
  /** The end of the last frame; undefined if there is no journal. */
  readonly #place: TailPlace | undefined
  readonly #isClean: boolean

  /** Called at the end of a turn. @param root the root in the file */
  constructor(
    set: IndexSet | undefined,
    applied: AppliedState,
    { definitions }: Root,
    journal: Journal | undefined,
  ) {
    this.#set = set
    this.#applied = applied
    this.#definitions = definitions
    if (journal !== undefined) {
      const { journalSegment: segment } = journal.place
      this.#place = { salt: journal.salt, segment, end: journal.end }
    }
    this.#isClean =
      set === undefined || (set.file.space.freshPages === 0 && set.checkpointer.failure === undefined)
  }

  /** Adds the commits since. The locator finds the present records. @returns false if the indexes have to be opened again */
  resume(file: StoreFile, { present }: HandedOver, locator: Locator): boolean {
    const set = this.#set
    if (present.definitions !== this.#definitions) return false
    if (set === undefined) return true
    // Also if nothing was committed: a checkpoint of another writer takes pages that are free for this one.
    if (!this.#isClean || newestIndexRoot(set.file.file)?.rootNumber !== set.file.root.rootNumber) return false
    if (present.commitNumber === this.#applied.commitNumber) return true
    const tail = new JournalTail(file, this.#applied.commitNumber, this.#place)
    const frames = tail.read(present.commitNumber)
    if (frames === undefined) return false
    allSteps(noteFrames(set, { frames: () => frames, locator, state: present }))
    allSteps(noteAppended(set, { locator, state: present }, this.#applied.size))
    return true
  }
}
