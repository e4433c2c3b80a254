/**
 * The journal's writing side: the position of the next frames, and the slots that are free for new segments.
 *
 *   JO1  the file gets its name whole and synced, before any root names its salt.
 *   JO2  each write starts on a fresh block, so no sector that contains an acknowledged frame is written again.
 *   JO3  a segment is begun only after everything before it is synced. Its slot is reused only once a synced root no longer needs it.
 *   JO4  a frame is admitted only once it has disk blocks, so that a full disk is reported before anything is sealed. Blocks are allocated
 *        by writing zeros, some ahead: the first write to a block that is only allocated makes a sync slower (148 us against 93).
 *   JO5  a segment that a root may name begins within the durable size of the file, so that a file that was cut short is noticed.
 *   JO6  a segment is left once recovery from it would take long. Bytes of records stored in place count a quarter of frame bytes, and
 *        changes are counted too, since a change may take few bytes or many.
 * The bytes: journal-format.ts, frame-encode.ts. Deciding when to write and to leave a segment: committer.ts, checkpointer.ts.
 */

import { randomBytes } from 'node:crypto'
import { InvariantError, StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
import type { JournalPosition } from '../format/handover-format.ts'
import type { Identity } from '../format/identity.ts'
import {
  BLOCK_BYTES,
  JOURNAL_HEADER,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  roundToBlock,
  SALT_BYTES,
  slotOffset,
} from '../format/journal-format.ts'
import type { Root } from '../format/root.ts'
import { isCurrent } from '../whole-files/same-file.ts'
import { createBeside } from '../whole-files/temporary-files.ts'
import type { FrameGroup } from './frame-encode.ts'
import { sealFrame } from './frame-encode.ts'
import { readJournalHeader, refuseForeign } from './journal-header.ts'
import { positionOf, type Segment, type Slot, segmentsAt } from './journal-position.ts'
import type { KeptFrames } from './kept-frames.ts'

/** The fields of a root that name the journal and the segment of the next commits. */
export type JournalPlace = Pick<Root, 'journalSalt' | 'journalSegment' | 'journalOffset'>

/** Zeros are written in steps of this to that many bytes. A larger range is only allocated. */
const ZEROS_MIN = 256 * 1024
const ZEROS_MAX = 4 * 1024 * 1024

/** The work of recovery for some frames, besides reading them. */
export interface FrameLoad {
  /** Changes of records. */
  readonly changes: number
  /** Bytes of records that were stored in place and are compared with the frames' checksums. */
  readonly inPlaceBytes: number
}

/** Recovery reads a record in place once. A byte of a frame is read twice, sorted, stored again in the journal and stored in the file. */
const IN_PLACE_WEIGHT = 1 / 4

export interface JournalOptions {
  readonly slotBytes: number
  /** Changes after which a segment is left (recovery/recovery-limits.ts). */
  readonly changesMax: number
  /** The store's file, whose owner and permission bits the journal gets. */
  readonly like: PlatformFile
  /** Gets the frames that kept snapshots need, before they are dropped. */
  readonly kept: KeptFrames
}

export class Journal {
  readonly #platform: Platform
  readonly #file: PlatformFile
  readonly #salt: Buffer
  /** The salt in hexadecimal, which identifies the lineage of the journal's commits. */
  readonly salt: string
  readonly #slotBytes: number
  readonly #changesMax: number
  /** Gets the frames that kept snapshots need. */
  kept: KeptFrames | undefined
  #slots: readonly Slot[]
  #active: Segment
  /** Earlier segments that the durable root may still need. */
  #older: Segment[] = []
  /** A durable lower bound of the file's size. */
  #reach: number
  /** Bytes of admitted frames that are not written yet, each rounded up to blocks. */
  #admitted = 0
  #closed = false
  /** The count of sync calls. */
  syncs = 0

  private constructor(
    platform: Platform,
    file: PlatformFile,
    salt: Buffer,
    {
      slotBytes,
      changesMax,
      kept,
    }: Omit<JournalOptions, 'like' | 'kept'> & Partial<Pick<JournalOptions, 'kept'>>,
  ) {
    this.#changesMax = changesMax
    this.kept = kept
    this.#platform = platform
    this.#file = file
    this.#salt = salt
    this.salt = salt.toString('hex')
    this.#slotBytes = slotBytes
    this.#slots = [
      { index: 0, bytes: slotBytes, prepared: Math.min(slotBytes, ZEROS_MIN) },
      { index: 1, bytes: slotBytes, prepared: 0 },
      { index: 2, bytes: 0, prepared: 0 },
    ]
    this.#active = { number: 1, slot: this.#slots[0] as Slot, end: 0, changes: 0, inPlaceBytes: 0 }
    this.#reach = BLOCK_BYTES + Math.min(slotBytes, ZEROS_MIN)
  }

  /** Creates the journal of a store that has none. @throws ERR_STRIDE_NO_SPACE, _PERMISSION, _IO; then no file is left */
  static create(platform: Platform, path: string, identity: Identity, options: JournalOptions): Journal {
    const journalPath = journalPathOf(path)
    refuseForeign(platform, journalPath, identity)
    const slotBytes = roundToBlock(options.slotBytes)
    const salt = freshSalt()
    const { file: beside } = createBeside(platform, journalPath, options.like, identity.storeId)
    let name = beside.path
    try {
      const header = JOURNAL_HEADER.encode({
        magic: Buffer.from(JOURNAL_MAGIC),
        formatVersion: JOURNAL_VERSION,
        recordSize: identity.recordSize,
        storeId: Buffer.from(identity.storeId, 'hex'),
        generation: identity.generation,
        salt,
        slotBytes,
      })
      const start = new Uint8Array(BLOCK_BYTES + Math.min(slotBytes, ZEROS_MIN))
      start.set(header)
      beside.store(start, 0)
      beside.sync()
      platform.rename(beside.path, journalPath)
      name = journalPath
      platform.syncFolder(journalPath)
    } catch (error) {
      beside.close()
      if (platform.exists(name)) platform.remove(name)
      throw error
    }
    beside.close()
    const file = platform.open(journalPath, { access: 'readwrite', create: 'never' })
    return new Journal(platform, file, salt, { ...options, slotBytes })
  }

  /**
   * Opens the journal that another writer has handed over.
   * @returns undefined if the name has another journal @throws ERR_STRIDE_NOT_FOUND, _CORRUPT, _IO
   */
  static handedOver(
    platform: Platform,
    path: string,
    identity: Identity,
    { changesMax }: Pick<JournalOptions, 'changesMax'>,
    position: JournalPosition,
  ): Journal | undefined {
    const file = platform.open(journalPathOf(path), { access: 'readwrite', create: 'never' })
    try {
      const { salt, slotBytes } = readJournalHeader(file, identity)
      if (salt.toString('hex') === position.salt) {
        const journal = new Journal(platform, file, salt, { slotBytes, changesMax })
        journal.continueAt(position)
        return journal
      }
    } catch (error) {
      file.close()
      throw error
    }
    file.close()
    return undefined
  }

  /** Where the next writer continues. No frame is admitted. */
  get position(): JournalPosition {
    return positionOf(this.salt, this.#slots, this.#active, this.#older, this.#reach)
  }
  /** Continues where another writer stopped. */
  continueAt(position: JournalPosition): void {
    const { slots, active, older } = segmentsAt(position, this.#slotBytes)
    this.#slots = slots
    this.#active = active
    this.#older = older
    this.#reach = position.reach
    this.#admitted = 0
  }
  /** The file offset behind the last frame. */
  get end(): number {
    return slotOffset(this.#active.slot.index, this.#slotBytes) + this.#active.end
  }

  /** The start of the active segment. A root that names it needs no older segment. */
  get place(): JournalPlace {
    return placeOf(this.#active, this.#salt, this.#slotBytes)
  }
  /** Bytes of frames in the active segment. */
  get activeBytes(): number {
    return this.#active.end
  }
  get isHalfFull(): boolean {
    return this.#active.end * 2 > this.#active.slot.bytes
  }
  /** Bytes that a checkpoint would free. */
  get bytes(): number {
    return this.#older.reduce((sum, segment) => sum + segment.end, this.#active.end)
  }
  /** Whether there are segments that only a checkpoint frees. */
  get hasOlder(): boolean {
    return this.#older.length > 0
  }

  /** Whether the active segment is to be left (JO6). */
  get isDue(): boolean {
    const { end, changes, inPlaceBytes } = this.#active
    return end + inPlaceBytes * IN_PLACE_WEIGHT >= this.#slotBytes || changes >= this.#changesMax
  }

  /** Whether a group of `bytes` should be written to the active segment. */
  takes(bytes: number): boolean {
    return this.fits(bytes) && !this.isDue
  }

  /** Whether a group of `bytes` fits in the rest of the active segment. */
  fits(bytes: number): boolean {
    return this.#active.end + roundToBlock(bytes) <= this.#active.slot.bytes
  }

  /**
   * Allocates disk blocks for a frame of at most `bytes`, which `write` uses or `forgo` gives back.
   * @throws ERR_STRIDE_NO_SPACE, _LIMIT (too much is kept for snapshots), _IO; then nothing is admitted
   */
  admit(bytes: number): void {
    this.kept?.admit()
    const needed = roundToBlock(bytes)
    const { slot, end } = this.#active
    const wanted = this.#admitted + needed
    if (end + wanted <= slot.bytes) {
      this.#prepare(slot, end + wanted)
    } else {
      // Admitted frames before it decide which slot it is written to, so both have room for it.
      for (const each of this.#slots.slice(0, 2)) {
        this.#prepare(each, each === slot ? each.bytes : Math.min(each.bytes, wanted))
      }
      const large = this.#slots[2] as Slot
      if (needed > this.#slotBytes && needed > large.bytes) {
        this.#prepare(large, needed)
        large.bytes = needed
      }
    }
    this.#admitted = wanted
  }

  /** Gives back the admission of a frame that will not be written. */
  forgo(bytes: number): void {
    this.#admitted -= roundToBlock(bytes)
  }

  /** Begins a segment with room for `bytes`. Everything before is synced. @returns false if no slot is free */
  rotate(bytes: number): boolean {
    const needed = roundToBlock(bytes)
    // Slot 2 is only for groups that are too large for the others. It is removed afterwards.
    const fitting = needed > this.#slotBytes ? this.#slots.slice(2) : this.#slots.slice(0, 2)
    const slot = fitting.find(candidate => candidate.bytes >= needed && !this.#isTaken(candidate))
    if (slot === undefined) return false
    this.#reachTo(slotOffset(slot.index, this.#slotBytes) + BLOCK_BYTES)
    const { number, end } = this.#active
    if (end > 0) this.#older.push(this.#active)
    // If the segment has no frame, the next one gets its number, so that segments with frames have no gap in their numbers.
    this.#active = { number: end > 0 ? number + 1 : number, slot, end: 0, changes: 0, inPlaceBytes: 0 }
    return true
  }

  /** Frees the slots of segments before `place`, which a synced root names. `isIdle`: no admitted frame is pending. */
  release(place: JournalPlace, isIdle: boolean): void {
    this.#move(this.#older.filter(segment => segment.number < place.journalSegment))
    this.#older = this.#older.filter(segment => segment.number >= place.journalSegment)
    const large = this.#slots[2] as Slot
    if (large.bytes === 0 || this.#isTaken(large) || !isIdle) return
    large.bytes = 0
    large.prepared = 0
    this.#reach = slotOffset(2, this.#slotBytes)
    this.#file.resize(this.#reach)
  }

  /** Makes the file at least `end` bytes long, durably (JO5). */
  #reachTo(end: number): void {
    if (end <= this.#reach) return
    if (this.#file.size() < end) this.#file.resize(end)
    this.sync()
    this.#reach = end
  }

  /**
   * Writes a group of frames, which start at `starts`. They are not durable before a sync.
   * @param admittedMax the bytes that were admitted for each frame
   */
  write(
    group: FrameGroup,
    starts: readonly number[],
    admittedMax: readonly number[],
    syncedCommit: number,
    { changes, inPlaceBytes }: FrameLoad,
  ): void {
    const { slot, number, end } = this.#active
    for (const at of starts) sealFrame(group, at, { segment: number, syncedCommit, salt: this.#salt })
    const padded = roundToBlock(group.length)
    if (end + padded > slot.bytes) throw new InvariantError(`a group of ${padded} bytes does not fit`)
    group.reserve(padded - group.length)
    group.bytes.fill(0, group.length, padded)
    this.#file.store(group.bytes.subarray(0, padded), slotOffset(slot.index, this.#slotBytes) + end)
    this.#active.end = end + padded
    this.#active.changes += changes
    this.#active.inPlaceBytes += inPlaceBytes
    slot.prepared = Math.max(slot.prepared, this.#active.end)
    for (const bytes of admittedMax) this.forgo(bytes)
  }

  sync(): void {
    this.syncs++
    this.#file.sync()
  }
  async syncAsync(): Promise<void> {
    this.syncs++
    await this.#file.syncAsync()
  }

  /** Closes the file and keeps it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#file.close()
  }

  /** Deletes the file, if the name is still its own. The synced root names no journal. */
  remove(): void {
    const { path } = this.#file
    try {
      if (!isCurrent(this.#platform, path, this.#file)) return
      this.#move([...this.#older, this.#active])
    } finally {
      this.close()
    }
    this.#platform.remove(path)
  }

  /** Moves the frames that kept snapshots need out of these segments. */
  #move(segments: readonly Segment[]): void {
    const extents = segments.map(({ slot, end }) => {
      const offset = slotOffset(slot.index, this.#slotBytes)
      return { offset, end: offset + end }
    })
    this.kept?.move({ file: this.#file, salt: this.#salt, extents, upTo: Number.POSITIVE_INFINITY })
  }

  /** Allocates disk blocks for the slot's first `upTo` bytes. */
  #prepare(slot: Slot, upTo: number): void {
    const missing = upTo - slot.prepared
    if (missing <= 0) return
    const offset = slotOffset(slot.index, this.#slotBytes) + slot.prepared
    if (missing > ZEROS_MAX) {
      this.#file.allocate(offset, missing)
      slot.prepared = upTo
      return
    }
    const step = Math.min(ZEROS_MAX, Math.max(ZEROS_MIN, slot.prepared), slot.bytes - slot.prepared)
    try {
      this.#file.store(new Uint8Array(Math.max(missing, step)), offset)
      slot.prepared += Math.max(missing, step)
    } catch (error) {
      if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NO_SPACE' || step <= missing)
        throw error
      // There may be room for the missing bytes, though not for a whole step.
      this.#file.store(new Uint8Array(missing), offset)
      slot.prepared = upTo
    }
  }

  #isTaken(slot: Slot): boolean {
    return this.#active.slot === slot || this.#older.some(segment => segment.slot === slot)
  }
}

function placeOf(segment: Segment, salt: Buffer, slotBytes: number): JournalPlace {
  return {
    journalSalt: salt.toString('hex'),
    journalSegment: segment.number,
    journalOffset: slotOffset(segment.slot.index, slotBytes),
  }
}

/** A random salt, never all zeros, which stand for no journal. */
function freshSalt(): Buffer {
  const salt = randomBytes(SALT_BYTES)
  salt[0] = (salt[0] as number) | 1
  return salt
}
