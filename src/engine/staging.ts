/**
 * What was changed and not yet committed, and where its bytes wait.
 *
 * Changed records wait as whole images in heap memory. Appended records wait in one chunk, the tail; a full
 * tail goes to the file behind the committed end, where no count, live bit or index reaches it, so that a
 * bulk load needs one chunk of memory.
 *   G1  rollback leaves no trace: sizes and images are as after the last commit.
 *   G2  bytes handed out lose their view (null) before they are reused: whoever holds them looks again.
 * Who encodes into it: writer.ts. Who makes it durable: committer.ts.
 */

import { InvariantError, StrideError } from '../errors.ts'
import type { RecordBytes } from '../schema/index.ts'

/** What `find` answers for a record whose deletion is staged. */
export const DELETED = -1
const ABSENT = -2
const CHUNK_BYTES = 1024 * 1024
/** Records looked at one by one before a walk looks again. */
const LOOK_AHEAD = 64
/** Looks that cost as much as sorting one change. */
const SORT_PATIENCE = 8

/** Heap memory for records. A new object each time the memory is reused, so that old holders see null. */
interface Chunk extends RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

function chunkOver(bytes: Buffer): Chunk {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
}

export class Staging {
  readonly recordSize: number
  readonly #bytesMax: number
  readonly #perChunk: number
  /** Record number -> image slot, or DELETED. */
  readonly #changes = new Map<number, number>()
  #sorted: Float64Array | undefined
  /** Changes looked for one by one since they were sorted last. */
  #lookedAhead = 0
  #images: Chunk[] = []
  #imageCount = 0
  #deletedDelta = 0

  #tail: Chunk
  #tailStart: number
  #baseSize: number
  #size: number

  constructor(recordSize: number, size: number, bytesMax: number) {
    this.recordSize = recordSize
    this.#bytesMax = bytesMax
    this.#perChunk = Math.max(1, Math.floor(CHUNK_BYTES / recordSize))
    this.#tail = { view: null, bytes: Buffer.alloc(0) }
    this.#tailStart = size
    this.#baseSize = size
    this.#size = size
  }

  /** Record numbers in use as the writing process sees them. */
  get size(): number {
    return this.#size
  }
  /** Record numbers in use when the last commit was applied. */
  get baseSize(): number {
    return this.#baseSize
  }
  /** Records from this number on lie in the tail; those before it in the file. */
  get tailStart(): number {
    return this.#tailStart
  }
  get tail(): RecordBytes {
    return this.#tail
  }
  get tailCount(): number {
    return this.#size - this.#tailStart
  }
  /** Whether the tail has no room for another record. */
  get isTailFull(): boolean {
    return (this.tailCount + 1) * this.recordSize > this.#tail.bytes.length
  }
  /** Changed, deleted and revived records; appended ones are not counted. */
  get changeCount(): number {
    return this.#changes.size
  }
  get appendedCount(): number {
    return this.#size - this.#baseSize
  }
  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#size === this.#baseSize
  }
  /** How the number of deleted records changes with this commit. */
  get deletedDelta(): number {
    return this.#deletedDelta
  }
  /** Bytes of heap memory that wait. */
  get bytes(): number {
    return this.#images.length * this.#perChunk * this.recordSize + this.#tail.bytes.length
  }

  /** The image slot of a changed record, DELETED, or undefined where the record has no staged change. */
  find(n: number): number | undefined {
    return this.#changes.get(n)
  }
  imageSource(slot: number): RecordBytes {
    return this.#chunkOf(slot)
  }
  imageAt(slot: number): number {
    return (slot % this.#perChunk) * this.recordSize
  }

  /**
   * A number above n below which no record from n + 1 on is changed; Infinity where there is none at all.
   * Exact once the changes are sorted, which is put off until as much looking ahead was done as sorting costs:
   * a walk that changes records as it goes stays linear.
   */
  unchangedBelow(n: number): number {
    if (this.#changes.size === 0) return Number.POSITIVE_INFINITY
    if (this.#sorted === undefined && this.#lookedAhead < this.#changes.size * SORT_PATIENCE) {
      let below = n + 1
      while (below <= n + LOOK_AHEAD && !this.#changes.has(below)) below++
      this.#lookedAhead += below - n
      return below
    }
    const numbers = this.changedNumbers()
    let low = 0
    let high = numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((numbers[middle] as number) <= n) low = middle + 1
      else high = middle
    }
    return numbers[low] ?? Number.POSITIVE_INFINITY
  }

  /** Record numbers with a staged change, ascending. */
  changedNumbers(): Float64Array {
    if (this.#sorted === undefined) {
      this.#sorted = Float64Array.from(this.#changes.keys()).sort()
      this.#lookedAhead = 0
    }
    return this.#sorted
  }

  /** Stages a copy of an image. `revives`: the record is deleted as of now. @throws ERR_STRIDE_LIMIT */
  setImage(n: number, image: Buffer, revives: boolean): void {
    let slot = this.#changes.get(n) ?? ABSENT
    if (slot < 0) {
      if (slot === ABSENT) this.#sorted = undefined
      slot = this.#newSlot()
      this.#changes.set(n, slot)
    }
    image.copy(this.#chunkOf(slot).bytes, this.imageAt(slot), 0, this.recordSize)
    if (revives) this.#deletedDelta--
  }

  /** Stages the deletion of a record that is live as of now. */
  setDeleted(n: number): void {
    const slot = this.#changes.get(n)
    if (slot === undefined) this.#sorted = undefined
    // Who holds the record's bytes looks again, and finds it gone.
    else if (slot >= 0) this.#renewChunk(slot)
    if (n >= this.#tailStart) this.#tail = renewed(this.#tail)
    this.#changes.set(n, DELETED)
    this.#deletedDelta++
  }

  /** Begins an empty tail behind the records so far, whose bytes are in the file. */
  startTail(): void {
    this.#tail = renewed(this.#tail)
    this.#tailStart = this.#size
  }

  /** Enlarges a tail that is still small. @returns false where it has its full size and must be spilled */
  growTail(): boolean {
    const full = this.#perChunk * this.recordSize
    const { length } = this.#tail.bytes
    if (length >= full) return false
    const old = this.#tail
    const bytes = Buffer.alloc(length === 0 ? Math.min(full, 16 * this.recordSize) : Math.min(full, length * 4))
    old.bytes.copy(bytes)
    old.view = null
    this.#tail = chunkOver(bytes)
    return true
  }

  /** One more record was encoded at the tail's end. @returns its number */
  appended(): number {
    return this.#size++
  }

  /** Forgets the records from `size` on; they were appended since. */
  truncate(size: number): void {
    if (size < this.#baseSize) throw new InvariantError(`truncate below the committed size: ${size}`)
    for (const n of this.#changes.keys()) {
      if (n >= size) throw new InvariantError(`a record of the forgotten batch was changed: ${n}`)
    }
    this.#size = size
    if (size < this.#tailStart) this.startTail()
    else this.#tail = renewed(this.#tail)
  }

  /** Drops everything that was staged since the last commit was applied. */
  rollback(): void {
    this.#size = this.#baseSize
    this.#forgetChanges()
  }

  /** What was staged is in the file now and counts as committed. */
  applied(): void {
    this.#baseSize = this.#size
    this.#forgetChanges()
  }

  /** The committed size is another one now, by another process's commits; nothing is staged here. */
  rebase(size: number): void {
    this.#baseSize = size
    this.#size = size
    this.#tailStart = size
  }

  #forgetChanges(): void {
    this.#changes.clear()
    this.#sorted = undefined
    for (const chunk of this.#images) chunk.view = null
    this.#images = this.#images.slice(0, 1).map(chunk => chunkOver(chunk.bytes))
    this.#imageCount = 0
    this.#deletedDelta = 0
    this.startTail()
  }

  #newSlot(): number {
    const slot = this.#imageCount
    if (slot === this.#images.length * this.#perChunk) {
      const bytes = this.#perChunk * this.recordSize
      if (this.bytes + bytes > this.#bytesMax) {
        const message = `More is staged than stagedBytesMax allows: ${this.bytes + bytes} of ${this.#bytesMax} bytes`
        throw new StrideError('ERR_STRIDE_LIMIT', message)
      }
      this.#images.push(chunkOver(Buffer.allocUnsafeSlow(bytes)))
    }
    this.#imageCount = slot + 1
    return slot
  }

  #renewChunk(slot: number): void {
    this.#images[Math.floor(slot / this.#perChunk)] = renewed(this.#chunkOf(slot))
  }

  #chunkOf(slot: number): Chunk {
    const chunk = this.#images[Math.floor(slot / this.#perChunk)]
    if (chunk === undefined) throw new InvariantError(`no staged image in slot ${slot}`)
    return chunk
  }
}

/** The same memory for new holders; old holders find null and look again. */
function renewed(chunk: Chunk): Chunk {
  chunk.view = null
  return chunkOver(chunk.bytes)
}
