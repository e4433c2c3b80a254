/**
 * The writer's side of kept snapshots: frames that the journal drops are moved into the file `x.stride-kept` as long as a snapshot needs
 * them.
 *
 *   KJ1  a frame is in the kept file before its part of the journal is reused or removed. A reader that looks into both finds it.
 *   KJ2  the file needs no sync: no snapshot survives the loss of power. Without kept snapshots it is removed.
 *   KJ3  if it has more than `keptBytesMax`, further commits are refused. On a full disk, or if it cannot be written, it is given up:
 *        commits continue, and the snapshots are gone.
 *   KJ4  frames that no snapshot needs are dropped once they are half of the file.
 * The file has the format of a journal whose slots 0 and 1 have no bytes. Its frames follow each other in the order of their commits,
 * without a gap. Reading them: kept-tail.ts. Who needs them: sharing/keepers.ts.
 */

import { randomBytes } from 'node:crypto'
import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { journalPathOf, keptPathOf } from '../format/file-names.ts'
import {
  BLOCK_BYTES,
  FRAME_HEADER,
  JOURNAL_HEADER,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  SALT_BYTES,
} from '../format/journal-format.ts'
import { keptNow } from '../sharing/keepers.ts'
import { allSteps } from '../steps/steps.ts'
import { createBeside } from '../whole-files/temporary-files.ts'
import type { Extent } from './frame-chain.ts'
import { FrameGroup, sealFrame } from './frame-encode.ts'
import { frameEnd, headAt } from './frame-read.ts'
import { JournalBytes, PIECE_BYTES } from './journal-bytes.ts'
import { assertJournalOf, type JournalFacts, readJournalHeader } from './journal-header.ts'
import { eachWhole, slotsOf } from './journal-scan.ts'
import type { JournalOwner } from './journal-tail.ts'
import { copyFrom } from './patch.ts'

/** The number of the file's only segment. */
const SEGMENT = 1
const STORED_AT_ONCE = 1024 * 1024
const IN_PASSING = { keptBytesMax: 4 * PIECE_BYTES, isReadOnce: true }

/** The store, with its data file, whose owner and permission bits the kept file gets. */
export interface KeepingStore extends JournalOwner {
  readonly file: PlatformFile
}

/** The frames of a journal that are dropped. */
export interface DroppedPart {
  readonly file: PlatformFile
  readonly salt: Buffer
  readonly extents: readonly Extent[]
  /** The last commit of the journal. Frames of later ones never returned. */
  readonly upTo: number
}

/** A frame's place in a file. */
interface Place {
  readonly commitNumber: number
  readonly at: number
  readonly length: number
}

export class KeptFrames {
  readonly #store: KeepingStore
  readonly #path: string
  readonly #bytesMax: number
  #salt: Buffer = randomBytes(SALT_BYTES)
  /** Bytes of the file; 0 if there is none. */
  #end = 0
  /** The commit of its last frame. */
  #last = 0
  /** Where the frames of each move begin. */
  #moves: { readonly first: number; readonly at: number }[] = []

  constructor(store: KeepingStore, bytesMax: number) {
    this.#store = store
    this.#path = keptPathOf(store.path)
    this.#bytesMax = bytesMax
    if (store.platform.exists(this.#path)) this.#attempt(() => this.#adopt())
  }

  /** Bytes of the kept file. */
  get bytes(): number {
    return this.#end
  }

  /** Called before a commit is admitted. @throws ERR_STRIDE_LIMIT while more than `keptBytesMax` is kept */
  admit(): void {
    if (this.#end <= this.#bytesMax) return
    const { since } = keptNow(this.#store.platform, this.#store.path)
    this.#attempt(() => this.#trim(since))
    if (this.#end <= this.#bytesMax) return
    const { path } = this.#store
    const message = `Snapshots that are kept since commit ${since} hold ${this.#end} bytes of the journal of ${path}, and keptBytesMax is ${this.#bytesMax}: close them`
    throw new StrideError('ERR_STRIDE_LIMIT', message, { path })
  }

  /** Moves the frames that kept snapshots need into the kept file. Called before they are dropped (KJ1). */
  move(part: DroppedPart): void {
    this.#attempt(() => {
      const { since } = keptNow(this.#store.platform, this.#store.path)
      this.#trim(since)
      if (since !== undefined) this.#move(part, since)
    })
  }

  /** Moves the frames of the journal of a writer that died, up to that commit, before the journal is removed. */
  moveJournal(upTo: number): void {
    this.#attempt(() => {
      const { platform, path, identity } = this.#store
      const file = platform.open(journalPathOf(path), { access: 'read', create: 'never' })
      try {
        const { salt, slotBytes } = readJournalHeader(file, identity)
        this.move({ file, salt, extents: slotsOf(file.size(), slotBytes), upTo })
      } finally {
        file.close()
      }
    })
  }

  #move({ file, salt, extents, upTo }: DroppedPart, since: number): void {
    const bytes = new JournalBytes(file, IN_PASSING)
    const found: Place[] = []
    const after = Math.max(since, this.#last)
    for (const { offset, end } of extents) {
      const visit = eachWhole(bytes, offset, Math.min(end, bytes.size), salt, (head, at) => {
        const { commitNumber } = head
        if (commitNumber <= after || commitNumber > upTo) return
        found.push({ commitNumber, at, length: frameEnd(at, head) - at })
      })
      allSteps(visit)
    }
    found.sort((a, b) => a.commitNumber - b.commitNumber)
    const first = found[0]
    if (first === undefined) return
    // Frames from before a gap are of no use.
    if (this.#end > 0 && first.commitNumber !== this.#last + 1) this.#remove()
    const target = this.#end === 0 ? this.#create() : this.#open()
    try {
      this.#moves.push({ first: first.commitNumber, at: this.#end })
      const group = new FrameGroup(STORED_AT_ONCE)
      for (const { commitNumber, at, length } of found) {
        group.reserve(length)
        const start = group.length
        const { payloadBytes, syncedCommit } = headAt(bytes, at)
        const size = FRAME_HEADER.size + payloadBytes
        copyFrom(bytes, at, group.bytes.subarray(start, start + size))
        group.bytes.fill(0, start + size, start + length)
        sealFrame(group, start, { segment: SEGMENT, syncedCommit, salt: this.#salt })
        group.length += length
        if (group.length >= STORED_AT_ONCE) this.#append(target, group)
        this.#last = commitNumber
      }
      this.#append(target, group)
    } finally {
      target.close()
    }
  }

  #append(target: PlatformFile, group: FrameGroup): void {
    target.store(group.bytes.subarray(0, group.length), this.#end)
    this.#end += group.length
    group.length = 0
  }

  /** Drops the frames that are not needed, if they are many. @param since only frames after this commit are */
  #trim(since: number | undefined): void {
    if (this.#end === 0) return
    if (since === undefined || since >= this.#last) {
      this.#remove()
      return
    }
    const needed = this.#moves.findLast(({ first }) => first <= since + 1)
    if (needed !== undefined && (needed.at - BLOCK_BYTES) * 2 >= this.#end) this.#rewriteFrom(needed.at)
  }

  /** Writes the file without the frames before this place. */
  #rewriteFrom(start: number): void {
    const { platform } = this.#store
    const old = this.#open()
    try {
      const beside = this.#createBeside()
      const piece = Buffer.allocUnsafe(STORED_AT_ONCE)
      const shift = start - BLOCK_BYTES
      for (let at = start; at < this.#end; ) {
        const length = old.read(piece.subarray(0, Math.min(piece.length, this.#end - at)), at)
        beside.store(piece.subarray(0, length), at - shift)
        at += length
      }
      beside.close()
      platform.rename(beside.path, this.#path)
      this.#end -= shift
      this.#moves = this.#moves
        .filter(({ at }) => at >= start)
        .map(({ first, at }) => ({ first, at: at - shift }))
    } finally {
      old.close()
    }
  }

  /** Goes on with the file of an earlier writer, which may have died while it wrote. */
  #adopt(): void {
    const { platform, path, identity } = this.#store
    const file = this.#open()
    let isNeeded = keptNow(platform, path).since !== undefined
    try {
      assertJournalOf(file, identity)
      this.#end = file.size()
      const facts = readJournalHeader(file, identity)
      isNeeded &&= facts.generation === identity.generation
      if (isNeeded) {
        this.#salt = facts.salt
        this.#end = BLOCK_BYTES
        this.#readLast(file, facts)
        file.resize(this.#end)
      }
    } finally {
      file.close()
    }
    if (!isNeeded) this.#remove()
  }

  #readLast(file: PlatformFile, { salt, slotBytes }: JournalFacts): void {
    const bytes = new JournalBytes(file, IN_PASSING)
    for (const { offset, end } of slotsOf(bytes.size, slotBytes)) {
      const visit = eachWhole(bytes, offset, end, salt, (head, at) => {
        this.#last = head.commitNumber
        this.#end = frameEnd(at, head)
      })
      allSteps(visit)
    }
  }

  #open(): PlatformFile {
    return this.#store.platform.open(this.#path, { access: 'readwrite', create: 'never' })
  }

  #create(): PlatformFile {
    const beside = this.#createBeside()
    beside.close()
    this.#store.platform.rename(beside.path, this.#path)
    this.#end = BLOCK_BYTES
    return this.#open()
  }

  /** An empty kept file under a temporary name. */
  #createBeside(): PlatformFile {
    const { platform, file: like, identity } = this.#store
    if (platform.exists(this.#path)) {
      const left = this.#open()
      try {
        assertJournalOf(left, identity)
      } finally {
        left.close()
      }
    }
    const { file } = createBeside(platform, this.#path, like, identity.storeId)
    const header = JOURNAL_HEADER.encode({
      magic: Buffer.from(JOURNAL_MAGIC),
      formatVersion: JOURNAL_VERSION,
      recordSize: identity.recordSize,
      storeId: Buffer.from(identity.storeId, 'hex'),
      generation: identity.generation,
      salt: this.#salt,
      slotBytes: 0,
    })
    const block = new Uint8Array(BLOCK_BYTES)
    block.set(header)
    file.store(block, 0)
    return file
  }

  /** Removes the file, whose frames nobody needs. */
  #remove(): void {
    const isThere = this.#end > 0
    this.#end = 0
    this.#last = 0
    this.#moves = []
    this.#salt = randomBytes(SALT_BYTES)
    if (isThere) this.#store.platform.remove(this.#path)
  }

  /** Keeping frames must not disturb the commits (KJ3). */
  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof StrideError)) throw error
      try {
        this.#remove()
      } catch (again) {
        if (!(again instanceof StrideError)) throw again
      }
    }
  }
}
