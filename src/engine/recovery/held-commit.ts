/**
 * Keeps a reader at one commit (the held commit) while the writer of another process continues. The before-images of later commits are read
 * from the journal into this process's memory, and hide the changed records of the file.
 *
 *   HC1  a commit's frame is whole in the journal before its changes are stored in the file (D3). A record that no later frame changes is
 *        therefore unchanged in the file. The held version of any other record is the before-image in the first frame that changes it.
 *   HC2  the before-images are complete for one value of the shared sequence. The reader compares it before and after reading.
 *   HC3  if a frame is no longer in the journal, the held commit is lost. Its records are never guessed.
 *   HC5  if frames have only patches of a record, its held version is built from the record in the file and the old bytes of the patches,
 *        applied from the last to the first. The file is read first, then the shared words, and frames are read up to the commit in them.
 *   HC6  a short frame can change many records. The memory for before-images is bounded; if it is used up, the held commit is lost.
 *   HC7  a kept commit is lost only if the writer gives up the frames that it needs (kept-frames.ts). Memory is not bounded for it.
 *   HC4  an index whose pages are newer than the held commit gets the keys of all its records that were changed since. These records are
 *        then compared with the key. For an index that was created since, some keys may be unknown. Records that were appended since are
 *        not found, whatever the pages say, so that a bulk load costs a held reader nothing.
 *
 * The sequence may be odd, since frames also cover the records that the writer is storing right now.
 * When a commit is held: reader-session.ts, consistent-reads.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { fileEnd, readRoot } from '../format/root.ts'
import { ChangeKeys, type KeyNotes } from '../journal/change-keys.ts'
import { type Frame, visitChanges } from '../journal/frame-read.ts'
import { type JournalOwner, JournalTail } from '../journal/journal-tail.ts'
import { KeptTail } from '../journal/kept-tail.ts'
import { layReplaced } from '../journal/patch.ts'
import type { Follower, PublishedState } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { Staging } from '../staging/staging.ts'
import type { RecoveryLimits } from './recovery-limits.ts'

/** The held commit is lost. The reading is repeated at a later commit. */
export class HeldCommitLost extends StrideError {
  constructor(path: string) {
    super('ERR_STRIDE_BUSY', `${path} changed so fast that what was replaced is no longer at hand`, {
      path,
    })
  }
}

/** The error of a snapshot whose commit cannot be seen any more. */
export function snapshotGone(
  path: string,
  commitNumber: number,
  why = 'the journal that it needs was reset',
): StrideError {
  const message = `The snapshot of ${path} at commit ${commitNumber} is gone: ${why}. Take another one`
  return new StrideError('ERR_STRIDE_SNAPSHOT_GONE', message, { path })
}

/** The most bytes of frames that are kept for indexes. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024
/** Minimum of the memory limit of before-images. */
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
  readonly #commitNumber: number
  readonly #isKept: boolean
  readonly #tail: JournalTail | KeptTail
  /** The frames after the held commit; undefined once they are too many to keep. */
  #frames: Frame[] | undefined = []
  #frameBytes = 0
  /** The frames whose before-images are not set yet. */
  readonly #unlaid: Frame[] = []
  /** Memory of the before-images. */
  #laidBytes = 0

  /** @param state the committed state to hold @param isKept whether a keeper has a place for it */
  constructor(file: HeldStore, { commitNumber, size }: PublishedState, isKept = false) {
    this.#file = file
    this.#size = size
    this.#commitNumber = commitNumber
    this.#isKept = isKept
    this.#tail = isKept ? new KeptTail(file, commitNumber) : new JournalTail(file, commitNumber)
  }

  /**
   * Sets the before-images of the commits since the last call in the locator's staging.
   * @returns the sequence for which the locator then finds the held commit; undefined if that commit is lost
   */
  layOver(locator: Locator, follower: Follower): number | undefined {
    const sequence = follower.sequence()
    const published = (sequence & 1) === 0 ? follower.state() : undefined
    if (!this.#readFrames(published) || !this.#layUnlaid(locator, follower)) return undefined
    // Words that changed while they were read are not used. The next call reads them again.
    if (published !== undefined && follower.sequence() === sequence) this.#place(locator, published)
    return sequence
  }

  /**
   * Notes every key that the records of the held commit have had since.
   * @param told the count of frames whose keys were noted before
   * @returns the count of frames whose keys are noted now; undefined if not all keys are known
   * @throws ERR_STRIDE_INDEX_NOT_BUILT if a kept commit does not know all keys of an index that was created since
   */
  tellKeys(recordSize: number, notes: KeyNotes, told: number): number | undefined {
    const frames = this.#frames?.slice(told) ?? this.#framesAgain(told)
    if (frames === undefined) return undefined
    const keys = new ChangeKeys(recordSize)
    for (const frame of frames) {
      let areKnown = true
      visitChanges(frame, recordSize, change => {
        if (change.recordNumber < this.#size) areKnown = keys.tell(notes, frame.bytes, change) && areKnown
      })
      if (!areKnown) return this.#unknownKeys()
    }
    return told + frames.length
  }

  /** Reads frames of a kept commit again, from the one with this position on. */
  #framesAgain(from: number): readonly Frame[] | undefined {
    if (!this.#isKept) return undefined
    const first = this.#commitNumber + from
    const frames = new KeptTail(this.#file, first).read(this.#tail.commitNumber)
    return frames?.slice(0, this.#tail.commitNumber - first)
  }

  #unknownKeys(): undefined {
    if (!this.#isKept) return undefined
    const { path } = this.#file
    const message = `An index of ${path} was created after the snapshot, which does not know its keys: take another snapshot`
    throw new StrideError('ERR_STRIDE_INDEX_NOT_BUILT', message, { path })
  }

  /** Reads the new frames. @returns whether none is missing */
  #readFrames(published: PublishedState | undefined): boolean {
    const { file, addressing } = this.#file
    if (!this.#readUpTo(published?.commitNumber ?? Number.POSITIVE_INFINITY)) return false
    // If the journal was ended meanwhile, its frames are gone, and the root has a higher commit number.
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
   * Sets the before-images of the frames that were read. Bytes that a patch lacks are read from the file, which may contain later commits;
   * their frames are read as well, and used by the next call (HC5).
   * @returns false if a frame is missing or the images take too much memory (HC6)
   */
  #layUnlaid({ staging, addressing }: Locator, follower: Follower): boolean {
    const { recordSize } = addressing
    const frames = this.#unlaid
    const count = frames.length
    const images = new Map<number, Buffer>()
    const { journalBytesKept } = this.#file.limits
    const bytesMax = this.#isKept ? Number.POSITIVE_INFINITY : Math.max(journalBytesKept, LAID_BYTES_MIN)
    let isTooMuch = false
    for (const frame of frames) {
      visitChanges(frame, recordSize, ({ recordNumber: n, patchAt }) => {
        // Records beyond the held size did not exist.
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
        // Frames are undone from the last to the first.
        if (image === undefined) return
        if (layReplaced(frame.bytes, change, image)) absent.delete(change.recordNumber)
        else absent.add(change.recordNumber)
      })
    }
    for (const [n, image] of images) staging.lay(n, absent.has(n) ? undefined : image)
    frames.splice(0, count)
    return true
  }

  /** Copies the present bytes of record n, set before or in the file. Any mixture of its versions is right (PA1). */
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

  /** Follows the tables, which growth moves behind the array, since records are then stored over the old ones. */
  #place({ deletionBits, checksums, pool, addressing }: Locator, published: PublishedState): void {
    pool.setEnd(Math.min(fileEnd(addressing, published), this.#file.file.size()))
    if (deletionBits.offset !== published.liveBitsOffset) deletionBits.place(published.liveBitsOffset)
    if (checksums.offset !== published.checksumsOffset) checksums.place(published.checksumsOffset)
  }
}
