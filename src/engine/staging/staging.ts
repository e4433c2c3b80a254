/**
 * Which changes are not in the file yet, and where are their bytes?
 *
 * Changes are staged first, and can then still be rolled back. A commit seals them: they belong to it, and are stored in the file once its
 * frame is synced. A changed record has a whole staged image in heap memory. Appended records are collected in one chunk, the tail. A full
 * tail is written to the file behind the committed end, where no count, deletion bit or index refers to it. A bulk load thus needs one
 * chunk of memory.
 *   ST1  after a rollback, sizes and images are as after the last seal.
 *   ST2  every change ends all tokens on staged bytes (HB1 of heap-bytes.ts) before those bytes are reused or moved.
 *   ST3  a record that is changed again after a seal has two images; the sealed one is not touched.
 * An overlay (overlay.ts) may be set below staged and sealed changes. Nothing is staged then.
 * Encoding into the staging: writer.ts. Sealing: seal.ts. Storing in the file: committer.ts.
 */

import { InvariantError } from '../../errors.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { NumberMap } from '../numbers/number-map.ts'
import { type Numbers, numbersBelow, sorted } from '../numbers/sort-changes.ts'
import { allSteps } from '../steps/steps.ts'
import { ChangedNumbers } from './changed-numbers.ts'
import { HeapBytes, HeapTokens } from './heap-bytes.ts'
import { ImageSlots, recordsPerChunk } from './image-slots.ts'
import { OVERLAY_SLOTS, type Overlay, overlaidImage, overlaidSlot } from './overlay.ts'
import type { ChangeableLayers } from './record-layers.ts'
import { Versions } from './versions.ts'

/** Fewer changes are sorted by comparison, since a counting sort has fixed costs. */
const COUNTED_MIN = 1000

/** The changes of one commit in ascending order of their numbers. A slot is that of an image, or negative for a deletion. */
export interface SealedChanges {
  readonly numbers: Numbers
  readonly slots: Numbers
}

export class Staging implements ChangeableLayers {
  readonly recordSize: number
  /** Versions of records that open transactions still read. */
  readonly versions: Versions
  #bytesMax: number
  readonly #tailBytesMax: number
  /** Record number to slot: the slot of an image, or for a deletion a negative number that is used once. */
  #changes = new NumberMap()
  /** Likewise for sealed changes, the newest of each record. */
  #sealed = new NumberMap()
  #overlay: Overlay | undefined
  readonly #changed = new ChangedNumbers()
  readonly #images: ImageSlots
  #deletions = 0
  /** Sealed commits that are not in the file yet. */
  #sealedCommits = 0
  /** Deletions staged since the last seal, including those taken back since. */
  #stagedDeletions = 0
  #deletedDelta = 0

  /** The tokens of rows and walks. */
  readonly #tokens = new HeapTokens()
  #tail: HeapBytes
  #tailStart: number
  #baseSize: number
  #size: number

  constructor(recordSize: number, size: number, bytesMax: number) {
    this.recordSize = recordSize
    this.versions = new Versions(recordSize, bytesMax)
    this.#bytesMax = bytesMax
    this.#tailBytesMax = recordsPerChunk(recordSize) * recordSize
    this.#images = new ImageSlots(recordSize)
    this.#tail = new HeapBytes(Buffer.alloc(0))
    this.#tailStart = size
    this.#baseSize = size
    this.#size = size
  }

  /** Record numbers in use, with staged appends. */
  get size(): number {
    return this.#size
  }
  /** Record numbers in use as of the last seal. */
  get baseSize(): number {
    return this.#baseSize
  }
  /** Records from this number on are in the tail, those before it in the file. */
  get tailStart(): number {
    return this.#tailStart
  }
  get tail(): HeapBytes {
    return this.#tail
  }
  get tailCount(): number {
    return this.#size - this.#tailStart
  }
  /** Whether the tail has no room for another record. */
  get isTailFull(): boolean {
    return (this.tailCount + 1) * this.recordSize > this.#tail.bytes.length
  }
  /** Staged, sealed and overlaid changes; if 0, every record before the tail is read from the file. */
  get changeCount(): number {
    return this.#changes.size + this.#sealed.size + (this.#overlay?.numbers.length ?? 0)
  }
  /** Records whose image was given to a commit that is not in the file yet. */
  get sealedCount(): number {
    return this.#sealed.size
  }
  /** Staged changes, deletions and revivals, without appended records. */
  get stagedCount(): number {
    return this.#changes.size
  }
  get appendedCount(): number {
    return this.#size - this.#baseSize
  }
  /** Whether a commit would have nothing to seal. */
  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#size === this.#baseSize
  }
  /** Whether a deletion is staged. */
  get hasDeletions(): boolean {
    return this.#stagedDeletions > 0
  }
  /** Deleted records that the staged changes add, less those that they revive. */
  get deletedDelta(): number {
    return this.#deletedDelta
  }
  /** Bytes of heap memory for images and the tail. */
  get bytes(): number {
    return this.#images.bytes + this.#tail.bytes.length
  }

  /** The slot of a changed record, negative for a deleted one; undefined if it is in the file or the tail. */
  find(n: number): number | undefined {
    const slot = this.#changes.get(n) ?? this.#sealed.get(n)
    return slot === undefined && this.#overlay !== undefined ? overlaidSlot(this.#overlay, n) : slot
  }
  /** Whether a change of record n is staged, or was set by `lay`. */
  isStaged(n: number): boolean {
    return this.#changes.get(n) !== undefined
  }
  /** Like `find`, as of the last seal. */
  findSealed(n: number): number | undefined {
    return this.#sealed.get(n)
  }
  imageSource(slot: number): HeapBytes {
    if (slot < OVERLAY_SLOTS) return this.#images.source(slot)
    return overlaidImage(this.#overlay, slot)
  }
  /** A token on these bytes. The next staged change sets its view to null. */
  tokenOn(memory: HeapBytes): RecordBytes {
    return this.#tokens.on(memory)
  }
  /** Ends all tokens. */
  expire(): void {
    this.#tokens.end()
  }
  imageAt(slot: number): number {
    if (slot < OVERLAY_SLOTS) return this.#images.at(slot)
    return (this.#overlay as Overlay).positionOf(slot - OVERLAY_SLOTS)
  }
  /** The bytes of an image; undefined for a deletion. */
  imageOf(slot: number): Buffer | undefined {
    if (slot < 0) return undefined
    const at = this.imageAt(slot)
    return this.#images.source(slot).bytes.subarray(at, at + this.recordSize)
  }

  /** A number above n, such that no record between n and that number is changed. Infinity if no record above n is. */
  unchangedBelow(n: number): number {
    const overlaid = this.#overlay?.after(n) ?? Number.POSITIVE_INFINITY
    return Math.min(overlaid, this.#changed.unchangedBelow(n, this.#changes, this.#sealed))
  }

  /** Stages a copy of an image. `revives`: the record is deleted as of now. @throws ERR_STRIDE_LIMIT */
  setImage(n: number, image: RecordBytes, revives: boolean): void {
    this.expire()
    let slot = this.#changes.get(n)
    if (slot === undefined || slot < 0) {
      if (slot === undefined) this.#changed.expire()
      slot = this.#images.take(this.#bytesMax - this.bytes)
      this.#changes.set(n, slot)
    }
    this.#images.set(slot, image, 0)
    if (revives) this.#deletedDelta--
  }

  /** Stages changes that had been staged before, without the memory limit, since other commits may use the memory by now. */
  stageAgain(stage: () => void): void {
    const bytesMax = this.#bytesMax
    this.#bytesMax = Number.POSITIVE_INFINITY
    try {
      stage()
    } finally {
      this.#bytesMax = bytesMax
    }
  }

  /** Stages the deletion of a record. `wasLive`: the record is counted as live so far. */
  setDeleted(n: number, wasLive = true): void {
    this.expire()
    const slot = this.#changes.get(n)
    if (slot === undefined) this.#changed.expire()
    else if (slot >= 0) this.#images.give(slot)
    this.#changes.set(n, -++this.#deletions)
    this.#stagedDeletions++
    if (wasLive) this.#deletedDelta++
  }

  /** Begins an empty tail. The bytes of all earlier records are in the file. */
  startTail(): void {
    this.expire()
    this.#tailStart = this.#size
  }

  /** Enlarges a tail that is still small. @returns false if it has its full size and must be written to the file */
  growTail(): boolean {
    const full = this.#tailBytesMax
    const { length } = this.#tail.bytes
    if (length >= full) return false
    this.expire()
    const bytes = Buffer.alloc(length === 0 ? Math.min(full, 16 * this.recordSize) : Math.min(full, length * 4))
    this.#tail.bytes.copy(bytes)
    this.#tail = new HeapBytes(bytes)
    return true
  }

  /** Counts a record that was encoded at the tail's end. @returns its number */
  appended(): number {
    return this.#size++
  }

  /** Drops the records from `size` on, all appended since the last seal. None was changed, except by its deletion. */
  truncate(size: number): void {
    // A failure meanwhile may have reverted more.
    if (size >= this.#size) return
    if (size < this.#baseSize) throw new InvariantError(`truncate below the committed size: ${size}`)
    const deleted: number[] = []
    this.#changes.forEach((n, slot) => {
      if (n < size) return
      if (slot >= 0) throw new InvariantError(`a record of the forgotten batch was changed: ${n}`)
      deleted.push(n)
    })
    for (const n of deleted) this.#changes.delete(n)
    this.#stagedDeletions -= deleted.length
    this.#deletedDelta -= deleted.length
    this.#changed.expire()
    this.#size = size
    if (size < this.#tailStart) this.startTail()
    else this.expire()
  }

  /** Drops the staged changes and keeps the sealed ones. */
  rollback(): void {
    this.#size = this.#baseSize
    this.#changes.forEach((_, slot) => {
      if (slot >= 0) this.#images.give(slot)
    })
    this.#changes.clear()
    this.#afterRelease()
    this.#deletedDelta = this.#stagedDeletions = 0
    this.startTail()
  }

  /** The staged changes in ascending order. */
  stagedChanges(): SealedChanges {
    const count = this.#changes.size
    const numbers = numbersBelow(this.#size, count)
    const slots = new Float64Array(count)
    let i = 0
    this.#changes.forEach((n, slot) => {
      numbers[i] = n
      slots[i++] = slot
    })
    if (count < COUNTED_MIN) return inOrder(numbers, slots)
    const list = allSteps(sorted({ numbers, values: slots }, this.#size))
    return { numbers: list.numbers, slots: list.values }
  }

  /** Makes the staged changes those of a commit. Its appended records are in the file already. */
  seal(): void {
    if (this.#sealed.size === 0) {
      const empty = this.#sealed
      this.#sealed = this.#changes
      this.#changes = empty
    } else {
      this.#changes.forEach((n, slot) => {
        this.#sealed.set(n, slot)
      })
      this.#changes.clear()
    }
    this.#baseSize = this.#size
    this.#sealedCommits++
    this.#deletedDelta = this.#stagedDeletions = 0
    this.startTail()
  }

  /** Releases the changes of the oldest sealed commit, which are in the file now. */
  applied({ numbers, slots }: SealedChanges): void {
    this.#sealedCommits--
    if (this.#changes.size === 0 && this.#sealedCommits === 0) {
      // No other change is left, so all memory is free.
      this.#sealed.clear()
      this.#afterRelease()
      return
    }
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i] as number
      const slot = slots[i] as number
      if (slot >= 0) this.#images.give(slot)
      // A later commit may have changed it again.
      if (this.#sealed.get(n) === slot) this.#sealed.delete(n)
    }
    this.#afterRelease()
  }

  /**
   * Drops the staged changes, and the sealed changes except those of `kept`, in order. `eachReplaced` sets the before-images of changes
   * that may be partly in the file; undefined for a record that was not live.
   */
  revert(
    size: number,
    kept: readonly SealedChanges[],
    eachReplaced: (lay: (recordNumber: number, image: Buffer | undefined) => void) => void,
  ): void {
    this.versions.endAll('a write to the store failed')
    this.#baseSize = size
    this.rollback()
    this.#sealed.clear()
    this.#sealedCommits = kept.length
    for (const { numbers, slots } of kept) {
      for (let i = 0; i < numbers.length; i++) this.#sealed.set(numbers[i] as number, slots[i] as number)
    }
    eachReplaced((recordNumber, image) => {
      if (recordNumber >= size) return
      // Of several before-images of one record the oldest counts, which comes last.
      if (image === undefined) this.setDeleted(recordNumber)
      else this.#layImage(recordNumber, new HeapBytes(image))
    })
    this.#deletedDelta = this.#stagedDeletions = 0
  }

  /** Takes over records that another process appended to the file. Staged changes stay. Nothing is appended here. */
  extend(size: number): void {
    this.#baseSize = this.#size = size
    this.startTail()
  }

  /** Sets the committed size and the overlay, for a reader, or for a writer until recovery has finished. Drops staged changes. */
  rebase(size: number, overlay?: Overlay): void {
    this.#baseSize = this.#size = size
    this.rollback()
    this.#overlay = overlay !== undefined && overlay.numbers.length > 0 ? overlay : undefined
  }

  /** For a reader: sets the image of record n, instead of its bytes in the file; undefined if it is not live. */
  lay(n: number, image: Buffer | undefined): void {
    if (image === undefined) this.setDeleted(n)
    else this.#layImage(n, new HeapBytes(image))
    this.#changed.expire()
    this.#deletedDelta = this.#stagedDeletions = 0
  }

  #layImage(n: number, image: HeapBytes): void {
    const slot = this.#images.take(Number.POSITIVE_INFINITY)
    this.#changes.set(n, slot)
    this.#images.set(slot, image, 0)
  }

  /** Called after slots were freed. If no change is left, all memory is reused from its start. */
  #afterRelease(): void {
    this.expire()
    this.#changed.reset()
    if (this.changeCount > 0) return
    this.#images.clear()
    this.#deletions = 0
  }
}

/** Sorts a few changes by comparison. */
function inOrder(numbers: Numbers, slots: Numbers): SealedChanges {
  if (numbers.length < 2) return { numbers, slots }
  const order = Uint32Array.from(numbers.keys()).sort((a, b) => (numbers[a] as number) - (numbers[b] as number))
  return {
    numbers: Float64Array.from(order, i => numbers[i] as number),
    slots: Float64Array.from(order, i => slots[i] as number),
  }
}
