/**
 * Keeps a reader at one commit while the writer of another process goes on: what later commits replaced is taken from the
 * journal and laid over the file, in this process's memory.
 *
 *   HC1  a commit is in the journal, whole, before its changes are stored into the file (D3). So a record that no later frame names
 *        lies in the file as it was, and one that a frame names was what the first such frame replaced.
 *   HC2  what was laid is right for one value of the writer's sequence. Who reads compares it before and after.
 *   HC3  where a frame is no longer in the journal, the held commit is lost, and never guessed.
 *   HC4  keys of records that were changed or appended since are told to whoever opens pages of an index that are newer than the
 *        held commit: such entries are then looked up in the records.
 *
 * The value may be odd: records that the writer is storing right now are among those that frames name.
 * Who decides when a commit is held: reader-session.ts, consistent-reads.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import type { Follower, PublishedState } from '../file/publication.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { fileEnd, readRoot } from '../format/root.ts'
import { copyReplaced, type Frame, visitChanges } from '../journal/frame-read.ts'
import { type JournalOwner, JournalTail } from '../journal/journal-tail.ts'
import type { Locator } from '../records/locator.ts'

/** The commit that a reading began with cannot be seen any more: the reading begins again, with a later one. */
export class HeldCommitLost extends StrideError {
  constructor(path: string) {
    super('ERR_STRIDE_BUSY', `${path} changed so fast that the journal no longer holds what was replaced`, {
      path,
    })
  }
}

/** Called with a record number and where the bytes of a record of that number lie. */
export type NoteKey = (n: number, view: DataView, at: number) => void

/** How many bytes of frames are kept for indexes. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024

/** The store that is read. */
export interface HeldStore extends JournalOwner {
  readonly file: PlatformFile
  readonly addressing: Addressing
}

export class HeldCommit {
  readonly #file: HeldStore
  readonly #size: number
  readonly #tail: JournalTail
  /** Frames behind the held commit; undefined once they became too many to keep. */
  #frames: Frame[] | undefined = []
  #frameBytes = 0

  /** @param state what is committed as the reader sees it, laid over or in the file */
  constructor(file: HeldStore, { commitNumber, size }: PublishedState) {
    this.#file = file
    this.#size = size
    this.#tail = new JournalTail(file, commitNumber)
  }

  /**
   * Lays over the file what the commits since the last call replaced.
   * @returns the sequence for which the locator then finds the held commit; undefined where that commit is lost
   */
  layOver(locator: Locator, follower: Follower): number | undefined {
    const sequence = follower.sequence()
    const published = (sequence & 1) === 0 ? follower.state() : undefined
    const frames = this.#framesSince(published)
    if (frames === undefined) return undefined
    for (const frame of frames) {
      this.#lay(frame, locator)
      this.#keep(frame)
    }
    // Words that changed while they were read say nothing; the next look has new ones.
    if (published !== undefined && follower.sequence() === sequence) this.#place(locator, published)
    return sequence
  }

  /**
   * Tells of every key that a record has had since the held commit, and of those of records that were appended.
   * @param told of how many frames it told before
   * @returns of how many it has told now; undefined where they are not all known
   */
  tellKeys(locator: Locator, note: NoteKey, told: number): number | undefined {
    const frames = this.#frames
    if (frames === undefined) return undefined
    const { recordSize } = locator.addressing
    const old = Buffer.alloc(recordSize)
    const oldView = new DataView(old.buffer, old.byteOffset, old.length)
    let size = told === 0 ? this.#size : (frames[told - 1] as Frame).head.size
    for (const frame of frames.slice(told)) {
      const { head, bytes } = frame
      // Large batches lie in the file alone.
      for (let n = size; n < head.appendStart; n++) {
        const offset = offsetOf(locator.addressing, n)
        const window = locator.pool.acquire(offset, recordSize)
        note(n, window.view as DataView, offset - window.start)
      }
      size = head.size
      visitChanges(frame, recordSize, change => {
        const { recordNumber, imageAt } = change
        if (copyReplaced(bytes, change, recordSize, old)) note(recordNumber, oldView, 0)
        if (imageAt >= 0) note(recordNumber, bytes.find(imageAt, recordSize).view, bytes.at)
      })
    }
    return frames.length
  }

  #keep(frame: Frame): void {
    this.#frameBytes += frame.bytes.size
    if (this.#frameBytes > KEPT_BYTES_MAX) this.#frames = undefined
    this.#frames?.push(frame)
  }

  #framesSince(published: PublishedState | undefined): readonly Frame[] | undefined {
    const { file, addressing } = this.#file
    try {
      const frames = this.#tail.read(published?.commitNumber ?? Number.POSITIVE_INFINITY)
      if (frames === undefined || published !== undefined) return frames
      // A journal that was ended meanwhile took its frames along, and the root counts them.
      return readRoot(file, addressing).commitNumber > this.#tail.commitNumber ? undefined : frames
    } catch (error) {
      if (error instanceof StrideError) return undefined
      throw error
    }
  }

  #lay(frame: Frame, { staging, addressing }: Locator): void {
    const { recordSize } = addressing
    const old = Buffer.alloc(recordSize)
    visitChanges(frame, recordSize, change => {
      const { recordNumber } = change
      // Records behind the end were not there, and of several changes the first one replaced what is held.
      if (recordNumber >= this.#size || staging.find(recordNumber) !== undefined) return
      staging.lay(recordNumber, copyReplaced(frame.bytes, change, recordSize, old) ? old : undefined)
    })
  }

  /** Growth moves the tables behind the array, and records come to lie where they were. */
  #place({ deletionBits, checksums, pool, addressing }: Locator, published: PublishedState): void {
    pool.setEnd(Math.min(fileEnd(addressing, published), this.#file.file.size()))
    if (deletionBits.offset !== published.liveBitsOffset) deletionBits.place(published.liveBitsOffset)
    if (checksums.offset !== published.checksumsOffset) checksums.place(published.checksumsOffset)
  }
}
