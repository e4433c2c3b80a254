/**
 * Which changes are not in the file yet, and where are their bytes?
 *
 * Two layers lie over the file. What is staged can still be rolled back; what was given to a commit (sealed) waits for
 * its sync and is then put into the file. Changed records wait as whole images in heap memory. Appended records wait
 * in one chunk, the tail; a full tail goes to the file behind the committed end, where no count, live bit or index
 * reaches it, so that a bulk load needs one chunk of memory.
 *   ST1  rollback leaves no trace: sizes and images are as after the last seal.
 *   ST2  every change ends all tokens on staged bytes (HB1 of heap-bytes.ts), before bytes are reused or found elsewhere.
 *   ST3  a record changed again after it was sealed has two images; the sealed one is not touched.
 * Below both may lie an overlay (overlay.ts). Nothing is staged then.
 * Who encodes into it: writer.ts. Who seals it: seal.ts. Who puts it into the file: committer.ts.
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

/** Fewer changes are sorted by comparing them: counting costs the same for any number of them. */
const COUNTED_MIN = 1000

/** The changes given to one commit: numbers rise; each slot is that of an image, or negative for a deletion. */
export interface SealedChanges {
  readonly numbers: Numbers
  readonly slots: Numbers
}

export class Staging implements ChangeableLayers {
  readonly recordSize: number
  /** What records were at commits that concurrent transactions still read. */
  readonly versions: Versions
  #bytesMax: number
  readonly #tailBytesMax: number
  /** Record number -> slot: from 0 on that of an image; negative, and never the same twice, for a deletion. */
  #changes = new NumberMap()
  /** The same for what was given to commits; the newest of each record. */
  #sealed = new NumberMap()
  #overlay: Overlay | undefined
  readonly #changed = new ChangedNumbers()
  readonly #images: ImageSlots
  #deletions = 0
  /** Commits that were given changes and are not in the file yet. */
  #sealedCommits = 0
  /** Deletions staged since the last seal, those taken back included. */
  #stagedDeletions = 0
  #deletedDelta = 0

  /** What rows and walks hold. */
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

  /** Record numbers in use as the writing process sees them. */
  get size(): number {
    return this.#size
  }
  /** Record numbers in use by what was given to commits so far. */
  get baseSize(): number {
    return this.#baseSize
  }
  /** Records from this number on lie in the tail; those before it in the file. */
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
  /** Changes that wait, staged or sealed; 0 where every record lies in the file as it is. */
  get changeCount(): number {
    return this.#changes.size + this.#sealed.size + (this.#overlay?.numbers.length ?? 0)
  }
  /** Changed, deleted and revived records that no commit was given yet; appended ones are not counted. */
  get stagedCount(): number {
    return this.#changes.size
  }
  get appendedCount(): number {
    return this.#size - this.#baseSize
  }
  /** Whether nothing is staged that a commit would take. */
  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#size === this.#baseSize
  }
  /** Whether a record's deletion is staged. */
  get hasDeletions(): boolean {
    return this.#stagedDeletions > 0
  }
  /** How the number of deleted records changes with what is staged. */
  get deletedDelta(): number {
    return this.#deletedDelta
  }
  /** Bytes of heap memory that wait. */
  get bytes(): number {
    return this.#images.bytes + this.#tail.bytes.length
  }

  /** The slot of a changed record, negative for a deleted one; undefined where it lies in the file or the tail. */
  find(n: number): number | undefined {
    const slot = this.#changes.get(n) ?? this.#sealed.get(n)
    return slot === undefined && this.#overlay !== undefined ? overlaidSlot(this.#overlay, n) : slot
  }
  /** Whether a change of record n is staged, or laid over what a reader sees. */
  isStaged(n: number): boolean {
    return this.#changes.get(n) !== undefined
  }
  /** The same as of the last seal, without what is staged since. */
  findSealed(n: number): number | undefined {
    return this.#sealed.get(n)
  }
  imageSource(slot: number): HeapBytes {
    if (slot < OVERLAY_SLOTS) return this.#images.source(slot)
    return overlaidImage(this.#overlay, slot)
  }
  /** What may be held across a change of these bytes: its view is null then. */
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

  /** A number above n below which no record from n + 1 on is changed; Infinity where there is none at all. */
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

  /** Stages again what was staged before, however much memory other commits take by now. */
  stageAgain(stage: () => void): void {
    const bytesMax = this.#bytesMax
    this.#bytesMax = Number.POSITIVE_INFINITY
    try {
      stage()
    } finally {
      this.#bytesMax = bytesMax
    }
  }

  /** Stages the deletion of a record. `wasLive`: it is counted as live as of now. */
  setDeleted(n: number, wasLive = true): void {
    this.expire()
    const slot = this.#changes.get(n)
    if (slot === undefined) this.#changed.expire()
    else if (slot >= 0) this.#images.give(slot)
    this.#changes.set(n, -++this.#deletions)
    this.#stagedDeletions++
    if (wasLive) this.#deletedDelta++
  }

  /** Begins an empty tail behind the records so far, whose bytes are in the file. */
  startTail(): void {
    this.expire()
    this.#tailStart = this.#size
  }

  /** Enlarges a tail that is still small. @returns false where it has its full size and must be spilled */
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

  /** One more record was encoded at the tail's end. @returns its number */
  appended(): number {
    return this.#size++
  }

  /** Forgets the records from `size` on; they were appended since, and those that were deleted were so at once. */
  truncate(size: number): void {
    // A failure in between may have reverted more than that.
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

  /** Drops what is staged; what was sealed stays. */
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

  /** What is staged, in rising order; `seal` gives it to a commit. */
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

  /** What is staged belongs to a commit now; its appended records are in the file. */
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

  /** The changes of a commit, the oldest of those sealed, are in the file now. */
  applied({ numbers, slots }: SealedChanges): void {
    this.#sealedCommits--
    if (this.#changes.size === 0 && this.#sealedCommits === 0) {
      // Nothing else waits: all memory is free again.
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
   * Drops what is staged and all sealed changes but those of `kept`, in order; what `eachReplaced` lays stands for what the
   * file may hold in part: an image, or none for a record that was not there.
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
      // Of several changes of one record the first one counts, which comes last.
      if (image === undefined) this.setDeleted(recordNumber)
      else this.#layImage(recordNumber, new HeapBytes(image))
    })
    this.#deletedDelta = this.#stagedDeletions = 0
  }

  /** The file holds more records, which another process added; what is staged stays. Nothing is appended here. */
  extend(size: number): void {
    this.#baseSize = this.#size = size
    this.startTail()
  }

  /** The committed size is this one now, and these changes lie over the file, for a reader or until recovery is through. */
  rebase(size: number, overlay?: Overlay): void {
    this.#baseSize = this.#size = size
    this.rollback()
    this.#overlay = overlay !== undefined && overlay.numbers.length > 0 ? overlay : undefined
  }

  /** For a reader: what record n is, whatever the file says; undefined: it is not there. */
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

  /** Slots were freed: memory is reused from the start where nothing waits. */
  #afterRelease(): void {
    this.expire()
    this.#changed.reset()
    if (this.changeCount > 0) return
    this.#images.clear()
    this.#deletions = 0
  }
}

/** A few changes, sorted by comparing them. */
function inOrder(numbers: Numbers, slots: Numbers): SealedChanges {
  if (numbers.length < 2) return { numbers, slots }
  const order = Uint32Array.from(numbers.keys()).sort((a, b) => (numbers[a] as number) - (numbers[b] as number))
  return {
    numbers: Float64Array.from(order, i => numbers[i] as number),
    slots: Float64Array.from(order, i => slots[i] as number),
  }
}
