/**
 * The journal's writing side: where the next frames go, and which segments are free for them.
 *
 *   JO1  the file appears under its name whole, synced, before any root names its salt.
 *   JO2  each write starts on a fresh block: no sector that holds an acknowledged frame is written again.
 *   JO3  a segment is begun only when everything before it is synced; its slot is taken again only once a synced root
 *       no longer needs it.
 *   JO4  a frame is admitted only once there are blocks for it, so that a full disk is known before anything is sealed.
 *       Blocks are made by writing zeros, some of them ahead: the first write to a block that is only allocated makes a
 *       sync slower (148 us against 93).
 *   JO5  a segment that a root may name begins within the durable size of the file, so that a cut file shows.
 *   JO6  a segment is left once recovery from it would take long: records that were stored in place count for a quarter of as many
 *        bytes of frames, and changes by their number, since a byte may hold few or many.
 * What the bytes mean: journal-format.ts, frame-encode.ts. Who decides when: committer.ts, checkpointer.ts.
 */

import { randomBytes } from 'node:crypto'
import { InvariantError, StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf } from '../format/file-names.ts'
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
import { isCurrent } from '../whole-files/current-file.ts'
import { createBeside } from '../whole-files/temporary-files.ts'
import type { FrameGroup } from './frame-encode.ts'
import { sealFrame } from './frame-encode.ts'
import { assertJournalOf } from './journal-header.ts'

/** Where a root says that the next commit's frame is. */
export type JournalPlace = Pick<Root, 'journalSalt' | 'journalSegment' | 'journalOffset'>

/** Zeros are written in steps from this to that many bytes; what is larger is only allocated. */
const ZEROS_MIN = 256 * 1024
const ZEROS_MAX = 4 * 1024 * 1024

interface Slot {
  readonly index: number
  /** Bytes that may be written. */
  bytes: number
  /** Bytes from the slot's start that have blocks. */
  prepared: number
}

interface Segment {
  readonly number: number
  readonly slot: Slot
  /** Where the next group starts, bytes from the slot's start. */
  end: number
  /** What its frames hold. */
  changes: number
  inPlaceBytes: number
}

/** What recovery does for some frames, beside reading them. */
export interface FrameLoad {
  /** Changes of records. */
  readonly changes: number
  /** Bytes of records that were stored in place and are compared with the frames' checksums. */
  readonly inPlaceBytes: number
}

/** Recovery reads a record in place once; a byte of a frame it reads twice, sorts, stores again and puts into the file. */
const IN_PLACE_WEIGHT = 1 / 4

export interface JournalOptions {
  readonly slotBytes: number
  /** Changes after which a segment is left (recovery/recovery-limits.ts). */
  readonly changesMax: number
  /** The store's file, whose owner and permission bits the journal gets. */
  readonly like: PlatformFile
}

export class Journal {
  readonly #platform: Platform
  readonly #file: PlatformFile
  readonly #salt: Buffer
  /** The same, hexadecimal: the lineage of the commits that are made in it. */
  readonly salt: string
  readonly #slotBytes: number
  readonly #changesMax: number
  readonly #slots: readonly Slot[]
  #active: Segment
  /** Segments that were begun earlier and that the durable root may still need. */
  #older: Segment[] = []
  /** The file's size is durably at least this. */
  #reach: number
  /** Bytes of frames that were admitted and not yet written, whole blocks each. */
  #admitted = 0
  #closed = false
  /** Syncs asked of the system. */
  syncs = 0

  private constructor(
    platform: Platform,
    file: PlatformFile,
    salt: Buffer,
    { slotBytes, changesMax }: Omit<JournalOptions, 'like'>,
  ) {
    this.#changesMax = changesMax
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

  /** Creates the journal of a store that has none. @throws ERR_STRIDE_NO_SPACE, _PERMISSION, _IO; nothing stays then */
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
    return new Journal(platform, file, salt, { slotBytes, changesMax: options.changesMax })
  }

  /** Where the active segment begins; a root that names it needs nothing older. */
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
  /** Bytes that a checkpoint would set free. */
  get bytes(): number {
    return this.#older.reduce((sum, segment) => sum + segment.end, this.#active.end)
  }
  /** Whether there are segments that only a checkpoint sets free. */
  get hasOlder(): boolean {
    return this.#older.length > 0
  }

  /** Whether the active segment is to be left (JO6). */
  get isDue(): boolean {
    const { end, changes, inPlaceBytes } = this.#active
    return end + inPlaceBytes * IN_PLACE_WEIGHT >= this.#slotBytes || changes >= this.#changesMax
  }

  /** Whether the active segment takes a group of that many bytes. */
  takes(bytes: number): boolean {
    return this.fits(bytes) && !this.isDue
  }

  /** Whether a group of that many bytes fits behind what the active segment holds. */
  fits(bytes: number): boolean {
    return this.#active.end + roundToBlock(bytes) <= this.#active.slot.bytes
  }

  /**
   * Makes sure that a frame of at most that many bytes can be written some time; `write` takes it back.
   * @throws ERR_STRIDE_NO_SPACE, _IO, with nothing admitted
   */
  admit(bytes: number): void {
    const needed = roundToBlock(bytes)
    const { slot, end } = this.#active
    const wanted = this.#admitted + needed
    if (end + wanted <= slot.bytes) {
      this.#prepare(slot, end + wanted)
    } else {
      // It may come to lie in either slot, as the frames before it fall.
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

  /** A frame that was admitted will not be written. */
  forgo(bytes: number): void {
    this.#admitted -= roundToBlock(bytes)
  }

  /** Begins a segment with room for `bytes`; everything before is synced. @returns false where no slot is free */
  rotate(bytes: number): boolean {
    const needed = roundToBlock(bytes)
    // Slot 2 is for what is too large for the others, and for nothing else: it comes and goes.
    const fitting = needed > this.#slotBytes ? this.#slots.slice(2) : this.#slots.slice(0, 2)
    const slot = fitting.find(candidate => candidate.bytes >= needed && !this.#isTaken(candidate))
    if (slot === undefined) return false
    this.#reachTo(slotOffset(slot.index, this.#slotBytes) + BLOCK_BYTES)
    const { number, end } = this.#active
    if (end > 0) this.#older.push(this.#active)
    // A segment without a frame gives its number on: in the numbers of those with frames there is no gap.
    this.#active = { number: end > 0 ? number + 1 : number, slot, end: 0, changes: 0, inPlaceBytes: 0 }
    return true
  }

  /** Frees the slots of segments before `place`, which a synced root names. `isIdle`: no admitted frame waits. */
  release(place: JournalPlace, isIdle: boolean): void {
    this.#older = this.#older.filter(segment => segment.number >= place.journalSegment)
    const large = this.#slots[2] as Slot
    if (large.bytes === 0 || this.#isTaken(large) || !isIdle) return
    large.bytes = 0
    large.prepared = 0
    this.#reach = slotOffset(2, this.#slotBytes)
    this.#file.resize(this.#reach)
  }

  /** Makes the file reach that far, durably: a root may name a segment there, and a file cut short must show. */
  #reachTo(end: number): void {
    if (end <= this.#reach) return
    if (this.#file.size() < end) this.#file.resize(end)
    this.sync()
    this.#reach = end
  }

  /**
   * Writes frames, which start at `starts` in the group, as one group. Not durable before a sync.
   * @param admittedMax what was admitted for each of them, the most that it might have taken
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

  /** Closes the file, which stays. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#file.close()
  }

  /** Deletes the file, if the name still is its own; a synced root names no journal. */
  remove(): void {
    const { path } = this.#file
    try {
      if (!isCurrent(this.#platform, path, this.#file)) return
    } finally {
      this.close()
    }
    this.#platform.remove(path)
  }

  /** Blocks for the slot's first `upTo` bytes. */
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
      // Where there is no room for a whole step there may be for what is needed now.
      this.#file.store(new Uint8Array(missing), offset)
      slot.prepared = upTo
    }
  }

  #isTaken(slot: Slot): boolean {
    return this.#active.slot === slot || this.#older.some(segment => segment.slot === slot)
  }
}

/** Only a journal of the same store, left from a failure or a crash, is ever replaced. @throws ERR_STRIDE_EXISTS */
function refuseForeign(platform: Platform, journalPath: string, identity: Identity): void {
  if (!platform.exists(journalPath)) return
  const left = platform.open(journalPath, { access: 'read', create: 'never' })
  try {
    assertJournalOf(left, identity)
  } finally {
    left.close()
  }
}

function placeOf(segment: Segment, salt: Buffer, slotBytes: number): JournalPlace {
  return {
    journalSalt: salt.toString('hex'),
    journalSegment: segment.number,
    journalOffset: slotOffset(segment.slot.index, slotBytes),
  }
}

/** Never all zeros, which is no journal's. */
function freshSalt(): Buffer {
  const salt = randomBytes(SALT_BYTES)
  salt[0] = (salt[0] as number) | 1
  return salt
}
