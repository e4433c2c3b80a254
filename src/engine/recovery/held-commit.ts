/**
 * Keeps a reader at one commit while the writer of another process goes on: what later commits replaced is taken from the
 * journal and laid over the file, in this process's memory.
 *
 *   HC1  a commit is in the journal, whole, before its changes are stored into the file (D3). So a record that no later frame names
 *        lies in the file as it was, and one that a frame names was what the first such frame replaced.
 *   HC2  what was laid is right for one value of the writer's sequence. Who reads compares it before and after.
 *   HC3  where a frame is no longer in the journal, the held commit is lost, and never guessed.
 *   HC5  a record of which frames have patches alone is made of what lies in the file now and of what these patches replaced, the
 *        first one last. The file is read before the words are asked how far commits may be in it, and frames are read up to there.
 *   HC6  a short frame can name many records: the memory of what is laid is bounded, and beyond it the held commit is lost.
 *   HC4  keys of records that were changed or appended since are told to whoever opens pages of an index that are newer than the
 *        held commit: such entries are then looked up in the records. Of an index that was created since not all keys may be known.
 *
 * The value may be odd: records that the writer is storing right now are among those that frames name.
 * Who decides when a commit is held: reader-session.ts, consistent-reads.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { fileEnd, readRoot } from '../format/root.ts'
import { ChangeKeys, type KeyNotes } from '../journal/change-keys.ts'
import { type Frame, visitChanges } from '../journal/frame-read.ts'
import { type JournalOwner, JournalTail } from '../journal/journal-tail.ts'
import { layReplaced } from '../journal/patch.ts'
import type { Follower, PublishedState } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { Staging } from '../staging/staging.ts'
import type { RecoveryLimits } from './recovery-limits.ts'

/** The commit that a reading began with cannot be seen any more: the reading begins again, with a later one. */
export class HeldCommitLost extends StrideError {
  constructor(path: string) {
    super('ERR_STRIDE_BUSY', `${path} changed so fast that what was replaced is no longer at hand`, {
      path,
    })
  }
}

/** How many bytes of frames are kept for indexes. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024
/** However small the limits are, images of so many bytes are laid over the file. */
const LAID_BYTES_MIN = 1024 * 1024

/** The store that is read. */
export interface HeldStore extends JournalOwner {
  readonly file: PlatformFile
  readonly addressing: Addressing
  readonly limits: Pick<RecoveryLimits, 'journalBytesKept'>
}

export class HeldCommit {
  readonly #file: HeldStore
  readonly #size: number
  readonly #tail: JournalTail
  /** Frames behind the held commit; undefined once they became too many to keep. */
  #frames: Frame[] | undefined = []
  #frameBytes = 0
  /** Those of them whose replaced images are not laid yet. */
  readonly #unlaid: Frame[] = []
  /** Of images that were laid. */
  #laidBytes = 0

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
    if (!this.#readFrames(published) || !this.#layUnlaid(locator, follower)) return undefined
    // Words that changed while they were read say nothing; the next look has new ones.
    if (published !== undefined && follower.sequence() === sequence) this.#place(locator, published)
    return sequence
  }

  /**
   * Tells of every key that a record has had since the held commit, and of those of records that were appended.
   * @param told of how many frames it told before
   * @returns of how many it has told now; undefined where not all keys are known
   */
  tellKeys(locator: Locator, notes: KeyNotes, told: number): number | undefined {
    const frames = this.#frames
    if (frames === undefined) return undefined
    const { recordSize } = locator.addressing
    const keys = new ChangeKeys(recordSize)
    let size = told === 0 ? this.#size : (frames[told - 1] as Frame).head.size
    for (const frame of frames.slice(told)) {
      const { head, bytes } = frame
      // Large batches lie in the file alone.
      for (let n = size; n < head.appendStart; n++) {
        const offset = offsetOf(locator.addressing, n)
        const window = locator.pool.acquire(offset, recordSize)
        notes.note(n, window.view as DataView, offset - window.start)
      }
      size = head.size
      let areKnown = true
      visitChanges(frame, recordSize, change => {
        areKnown = keys.tell(notes, bytes, change) && areKnown
      })
      if (!areKnown) return undefined
    }
    return frames.length
  }

  /** Reads the frames that came since. @returns whether all of them are there */
  #readFrames(published: PublishedState | undefined): boolean {
    const { file, addressing } = this.#file
    if (!this.#readUpTo(published?.commitNumber ?? Number.POSITIVE_INFINITY)) return false
    // A journal that was ended meanwhile took its frames along, and the root counts them.
    return published !== undefined || readRoot(file, addressing).commitNumber <= this.#tail.commitNumber
  }

  #readUpTo(commitNumber: number): boolean {
    let frames: readonly Frame[] | undefined
    try {
      frames = this.#tail.read(commitNumber)
    } catch (error) {
      if (!(error instanceof StrideError)) throw error
    }
    if (frames === undefined) return false
    for (const frame of frames) {
      this.#unlaid.push(frame)
      this.#frameBytes += frame.bytes.size
      if (this.#frameBytes > KEPT_BYTES_MAX) this.#frames = undefined
      this.#frames?.push(frame)
    }
    return true
  }

  /**
   * Lays what the frames replaced that were read and not laid. What a patch leaves out is taken from the file, where later commits
   * may be already: their frames are read as well, and laid by the next call (HC5).
   * @returns whether the frames are all there, and the images are not too many (HC6)
   */
  #layUnlaid({ staging, addressing }: Locator, follower: Follower): boolean {
    const { recordSize } = addressing
    const frames = this.#unlaid
    const count = frames.length
    const images = new Map<number, Buffer>()
    const bytesMax = Math.max(this.#file.limits.journalBytesKept, LAID_BYTES_MIN)
    let isTooMuch = false
    for (const frame of frames) {
      visitChanges(frame, recordSize, ({ recordNumber: n, patchAt }) => {
        // Records behind the end were not there.
        if (n >= this.#size || isTooMuch || staging.isStaged(n) || images.has(n)) return
        isTooMuch = this.#laidBytes + (images.size + 1) * recordSize > bytesMax
        if (isTooMuch) return
        const image = Buffer.alloc(recordSize)
        if (patchAt >= 0) this.#readNow(n, image, staging)
        images.set(n, image)
      })
    }
    if (isTooMuch || (images.size > 0 && !this.#readUpTo(follower.syncedCommit()))) return false
    this.#laidBytes += images.size * recordSize
    const absent = new Set<number>()
    for (const frame of frames.toReversed()) {
      visitChanges(frame, recordSize, change => {
        const image = images.get(change.recordNumber)
        // Of several changes the first one replaced what is held: it is laid last.
        if (image === undefined) return
        if (layReplaced(frame.bytes, change, image)) absent.delete(change.recordNumber)
        else absent.add(change.recordNumber)
      })
    }
    for (const [n, image] of images) staging.lay(n, absent.has(n) ? undefined : image)
    frames.splice(0, count)
    return true
  }

  /** Record n as it is now, in the file or laid over it; any mixture of its versions will do (PA1). */
  #readNow(n: number, target: Buffer, staging: Staging): void {
    const slot = staging.find(n)
    if (slot === undefined) {
      this.#file.file.read(target, offsetOf(this.#file.addressing, n))
      return
    }
    if (slot < 0) return
    const at = staging.imageAt(slot)
    staging.imageSource(slot).bytes.copy(target, 0, at, at + target.length)
  }

  /** Growth moves the tables behind the array, and records come to lie where they were. */
  #place({ deletionBits, checksums, pool, addressing }: Locator, published: PublishedState): void {
    pool.setEnd(Math.min(fileEnd(addressing, published), this.#file.file.size()))
    if (deletionBits.offset !== published.liveBitsOffset) deletionBits.place(published.liveBitsOffset)
    if (checksums.offset !== published.checksumsOffset) checksums.place(published.checksumsOffset)
  }
}
