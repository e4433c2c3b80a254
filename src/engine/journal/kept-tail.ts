/**
 * Reads new frames in commit order for a kept snapshot: those of the journal, and those that the journal dropped from the kept file.
 *
 *   KM1  a frame is in one of the two files at any time (KJ1 of kept-frames.ts). If it is in neither, it was given up.
 * The journal alone: journal-tail.ts.
 */

import { keptPathOf } from '../format/file-names.ts'
import type { PlacedFrame } from './journal-scan.ts'
import { type JournalOwner, JournalTail } from './journal-tail.ts'

/** Passes over both files that find nothing. Frames may move while one is read. */
const PASSES_MAX = 3

export class KeptTail {
  readonly #owner: JournalOwner
  #journal: JournalTail
  #kept: JournalTail

  /** @param commitNumber the frames after this commit are read */
  constructor(owner: JournalOwner, commitNumber: number) {
    this.#owner = owner
    this.#journal = new JournalTail(owner, commitNumber)
    this.#kept = new JournalTail(owner, commitNumber, undefined, keptPathOf(owner.path))
  }

  /** The commit of the frame that was returned last. */
  get commitNumber(): number {
    return Math.max(this.#journal.commitNumber, this.#kept.commitNumber)
  }

  /** Like `JournalTail.read`, but may return later frames, too. */
  read(upTo: number): readonly PlacedFrame[] | undefined {
    const frames: PlacedFrame[] = []
    for (let passes = 0; passes < PASSES_MAX; ) {
      const written = this.#journal.read(upTo)
      if (written !== undefined) {
        frames.push(...written)
        if (upTo !== Number.POSITIVE_INFINITY || written.length > 0) return frames
      }
      const dropped = this.#readKept()
      if (dropped.length > 0) frames.push(...dropped)
      else passes++
      if (dropped.length === 0 && written !== undefined) return frames
    }
    return undefined
  }

  /** The next frames in the kept file. */
  #readKept(): readonly PlacedFrame[] {
    const { commitNumber } = this
    // The journal led further than the kept file.
    if (this.#kept.commitNumber < commitNumber) {
      this.#kept = new JournalTail(this.#owner, commitNumber, undefined, keptPathOf(this.#owner.path))
    }
    const frames = this.#kept.read(Number.POSITIVE_INFINITY) ?? []
    if (frames.length > 0) this.#journal = new JournalTail(this.#owner, this.#kept.commitNumber)
    return frames
  }
}
