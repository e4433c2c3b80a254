/**
 * Seals the staged changes as one commit: encodes its frame and gives it its number.
 *
 * Sealed changes belong to the commit. A rollback does not drop them, and reads still see them.
 *   SL1  a commit is refused before anything is sealed. Then everything is still staged.
 *   SL2  appended records are stored behind the committed end at once, where nothing refers to them (D4). A few of them are also in the
 *        frame, so that the commit costs one sync. Many are synced in place before their frame is written.
 */

import { constants } from 'node:buffer'
import { StrideError } from '../../errors.ts'
import type { RecordBytes } from '../../schema/index.ts'
import type { EncodedChanges } from '../journal/frame-changes.ts'
import { FrameEncoder, type FrameGroup, frameBytesMax, type KeySpans } from '../journal/frame-encode.ts'
import type { Locator } from '../staging/locator.ts'
import type { SealedChanges } from '../staging/staging.ts'
import type { TailStore } from './tail-store.ts'

/** The most bytes of appended records that a frame contains. */
const RIDING_BYTES_MAX = 128 * 1024

/** A sealed commit. */
export interface SealedCommit {
  readonly commitNumber: number
  /** Record numbers in use after the commit, and how many of them are deleted. */
  readonly size: number
  readonly deletedCount: number
  readonly changes: SealedChanges
  /** The same changes as encoded in the frame. */
  readonly encoded: EncodedChanges
  /** Changes and appended images in its frame. */
  readonly changeCount: number
  /** Bytes of records that are only in the data file, which is synced before the frame is written. */
  readonly inPlaceBytes: number
  /** The group of its frame, and the frame's position there. */
  readonly group: FrameGroup
  readonly at: number
  readonly frameBytes: number
}

export class Sealer {
  readonly #locator: Locator
  readonly #tailStore: TailStore
  readonly #encoder: FrameEncoder
  readonly #keySpans: () => KeySpans

  /** @param keySpans the bytes of each key of the present indexes */
  constructor(locator: Locator, tailStore: TailStore, keySpans: () => KeySpans) {
    this.#keySpans = keySpans
    this.#locator = locator
    this.#tailStore = tailStore
    this.#encoder = new FrameEncoder(locator.staging.recordSize)
  }

  /** Whether a deletion is staged. */
  get deletes(): boolean {
    return this.#locator.staging.hasDeletions
  }

  /** The most bytes that the frame of the staged changes takes. @throws ERR_STRIDE_LIMIT */
  frameBytesMax(): number {
    const { staging } = this.#locator
    const bytes = frameBytesMax(staging.stagedCount, this.#ridingCount(), staging.recordSize)
    if (bytes <= constants.MAX_LENGTH) return bytes
    const message = `A commit of ${staging.stagedCount} changes takes ${bytes} bytes of journal, more than one buffer holds`
    throw new StrideError('ERR_STRIDE_LIMIT', message)
  }

  /** Stores the tail in the file and appends the frame to the group. @throws ERR_STRIDE_NO_SPACE, _IO; then nothing is sealed */
  seal(commitNumber: number, deletedBefore: number, group: FrameGroup): SealedCommit {
    const { staging } = this.#locator
    const riding = this.#ridingCount()
    const bytesMax = this.frameBytesMax()
    const tail = staging.tail.bytes.subarray(0, staging.tailCount * staging.recordSize)
    const isInPlace = riding === 0 && staging.appendedCount > 0
    const appendedBytes = staging.appendedCount * staging.recordSize
    this.#tailStore.store(isInPlace)
    const { size } = staging
    const deletedCount = deletedBefore + staging.deletedDelta
    const changes = staging.stagedChanges()
    const inPlaceCrc = isInPlace ? this.#tailStore.checksum(changes.numbers) : undefined
    const at = group.length
    this.#encoder.begin(group, bytesMax, this.#keySpans())
    if (riding > 0) this.#encoder.appended(tail)
    const appendStart = size - riding
    let encoded: EncodedChanges
    let frameBytes: number
    try {
      encoded = this.#encodeChanges(changes, commitNumber)
      frameBytes = this.#encoder.end({ commitNumber, size, deletedCount, appendStart, inPlaceCrc })
    } catch (error) {
      staging.versions.forget(commitNumber)
      throw error
    }
    staging.seal()
    const inPlaceBytes = isInPlace ? appendedBytes : 0
    const changeCount = changes.numbers.length + riding
    return {
      commitNumber,
      size,
      deletedCount,
      changes,
      encoded,
      changeCount,
      inPlaceBytes,
      group,
      at,
      frameBytes,
    }
  }

  /** How many appended records the frame contains: all, or none. */
  #ridingCount(): number {
    const { staging } = this.#locator
    const isSpilled = staging.tailStart > staging.baseSize
    const bytes = staging.appendedCount * staging.recordSize
    return isSpilled || bytes > RIDING_BYTES_MAX ? 0 : staging.appendedCount
  }

  #encodeChanges({ numbers, slots }: SealedChanges, commitNumber: number): EncodedChanges {
    const locator = this.#locator
    const { staging } = locator
    const { versions } = staging
    const encoder = this.#encoder
    const places = new Float64Array(numbers.length)
    const checksums = locator.checksums.exists ? new Uint32Array(numbers.length) : undefined
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i] as number
      const slot = slots[i] as number
      const replaced = locator.findSealed(n)
      const replacedAt = locator.at
      if (versions.isWatched && (slot >= 0 || replaced !== undefined)) {
        versions.keep(n, commitNumber, replaced, replacedAt)
      }
      places[i] = encoder.place
      if (slot >= 0) {
        const image = staging.imageSource(slot)
        const at = staging.imageAt(slot)
        const checksum = checksums === undefined ? 0 : this.#checksumOf(image, at)
        if (checksums !== undefined) checksums[i] = checksum
        if (replaced === undefined) encoder.insert(n, image, at)
        else encoder.update(n, image, at, replaced, replacedAt, checksum)
      } else if (replaced !== undefined) {
        encoder.delete(n, replaced, replacedAt)
      } else {
        encoder.skip(n)
      }
    }
    return { numbers, places, checksums }
  }

  #checksumOf({ bytes }: RecordBytes, at: number): number {
    const { checksums, staging } = this.#locator
    return checksums.entryOf(bytes.subarray(at, at + staging.recordSize))
  }
}
