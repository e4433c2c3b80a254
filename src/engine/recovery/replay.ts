/**
 * Replay: stores the commits of a crashed writer's journal in the file.
 *
 *   RP1  every byte that a frame changed is stored again, even if it reads as equal. It may be torn, or only in the system's cache.
 *   RP2  the root that ends the journal is stored only after the data is synced. After a crash in between, the same journal is replayed
 *        again; replay is idempotent.
 *   RP3  nothing is appended to a journal that was read. The next journal has another salt.
 *   RP4  the journal is synced before the file is changed, and the root without a journal before the journal is removed. After a killed
 *        process both may be only in the system's cache. The frames and the found root are stored again before these syncs, since after a
 *        failed sync the system takes cached pages for clean. Until then no commit of the journal is reported as durable.
 *   RP5  during the replay nothing else writes to the file, and reads use the net changes as an overlay.
 *   RP6  the shared words name the last commit once the frames are durable, before their changes are stored in the file. An older copy of
 *        the journal is then refused beside a file that may contain some of these changes.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import { Poisoning } from '../commit/poisoning.ts'
import { type AppliedChanges, Applier } from '../data-file/apply.ts'
import { Checksums } from '../data-file/checksums.ts'
import { DeletionBits } from '../data-file/deletion-bits.ts'
import { DirtyRanges } from '../data-file/dirty-ranges.ts'
import { RootWriter } from '../data-file/root-writer.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { journalPathOf } from '../format/file-names.ts'
import { corrupt, type Identity } from '../format/identity.ts'
import { roundToBlock } from '../format/journal-format.ts'
import { fileEnd, type Root } from '../format/root.ts'
import type { JournalBytes } from '../journal/journal-bytes.ts'
import type { JournalScan } from '../journal/journal-scan.ts'
import { KeptFrames } from '../journal/kept-frames.ts'
import type { NetChanges } from '../journal/net-changes.ts'
import type { Publisher } from '../sharing/publication.ts'
import { NEXT_TURN, type Protocol, runBlocking, runInBackground } from '../steps/protocol.ts'
import type { RecoveryLimits } from './recovery-limits.ts'

/** The store that is recovered. */
export interface Recoverable {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly root: Root
  readonly identity: Identity
  readonly limits: RecoveryLimits
  readonly publisher: Publisher
}

const CHANGES_A_STEP = 1024
const IMAGE_BYTES_A_STEP = 4 * 1024 * 1024
const JOURNAL_BYTES_A_STEP = 1024 * 1024

export class Replay {
  readonly #store: Recoverable
  /** The net change of the journal. */
  readonly net: NetChanges
  /** The scanned journal. */
  readonly scan: JournalScan
  readonly #changesAStep: number
  #isSecured: boolean
  readonly #roots: RootWriter
  /** Called before the journal ends. Makes the index file durable. */
  beforeEnd: () => void = () => {}
  readonly #poisoning: Poisoning
  readonly #applier: Applier
  readonly #capacity: number
  #done = 0
  #root: Root | undefined
  #isStopped = false

  /** Makes a short journal durable, and allocates room for the records. @throws ERR_STRIDE_CORRUPT, _NO_SPACE, _IO */
  constructor(store: Recoverable, net: NetChanges, scan: JournalScan) {
    this.#store = store
    this.net = net
    this.scan = scan
    this.#poisoning = new Poisoning(store.path, () => undefined)
    const { extents } = scan
    const { journalBytesAtOnce } = store.limits
    this.#isSecured = extents.length === 0
    if (extents.reduce((sum, { offset, end }) => sum + end - offset, 0) <= journalBytesAtOnce) this.secure()
    this.#roots = new RootWriter(store.file, store.root)
    this.#roots.storeFoundAgain()
    const { path, pool, addressing, root } = store
    const imagesAStep = Math.max(1, Math.floor(IMAGE_BYTES_A_STEP / addressing.recordSize))
    this.#changesAStep = Math.min(CHANGES_A_STEP, imagesAStep)
    const deletionBits = new DeletionBits(pool)
    deletionBits.place(root.liveBitsOffset)
    const checksums = new Checksums(pool, store.identity.marksDeleted)
    checksums.place(root.checksumsOffset)
    this.#capacity = Math.max(root.capacity, net.size)
    if (this.#capacity > root.capacity) {
      if (deletionBits.exists || checksums.exists) {
        // In a store with tables each growth stores a root, so the root's capacity cannot be too small.
        const what = `the journal has ${net.size} records, the array ${root.capacity}`
        throw corrupt(path, root.liveBitsOffset, what)
      }
      const start = offsetOf(addressing, root.capacity)
      store.file.allocate(start, offsetOf(addressing, this.#capacity) - start)
    }
    if (net.deletedCount > 0 && !deletionBits.exists) {
      throw corrupt(
        path,
        0,
        `the journal has ${net.deletedCount} deleted records, but there are no deletion bits`,
      )
    }
    pool.setEnd(fileEnd(addressing, { ...root, capacity: this.#capacity }))
    this.#applier = new Applier({ addressing, pool, deletionBits, checksums }, new DirtyRanges(), true)
  }

  /** The root after the replay. */
  get state(): Root {
    const { commitNumber, size, deletedCount } = this.net
    const { root } = this.#store
    const lineage = commitNumber > root.commitNumber ? root.journalSalt : root.lineage
    return { ...root, commitNumber, size, deletedCount, capacity: this.#capacity, lineage }
  }

  /** The last commit that survives a loss of power. Those of the journal do once it is secured. */
  get durableCommit(): number {
    return this.#isSecured ? this.net.commitNumber : this.#store.root.commitNumber
  }

  /** Makes the journal's frames durable, blocking (RP4). @throws ERR_STRIDE_IO, once; _POISONED */
  secure(): void {
    this.#poisoning.assert()
    if (!this.#isSecured) this.#poisoning.guard(() => runBlocking(this.#securing()))
  }

  /** Replays what is left, blocking. @returns the new root @throws ERR_STRIDE_IO, once; _POISONED */
  finish(): Root {
    this.#poisoning.assert()
    if (this.#root === undefined) this.#poisoning.guard(() => runBlocking(this.#replaying()))
    return this.#root as Root
  }

  /** Like `finish`, in turns of the event loop. @returns the new root; undefined if it was finished or stopped meanwhile, or failed */
  async run(): Promise<Root | undefined> {
    const isOver = (): boolean => this.#isStopped || this.#root !== undefined || this.#poisoning.isPoisoned
    try {
      return (await runInBackground(this.#replaying(), isOver)) ? this.#root : undefined
    } catch (error) {
      if (!isOver()) this.#poisoning.poison(error)
      return undefined
    }
  }

  /** Whether it failed. Nothing more is written then. */
  get isPoisoned(): boolean {
    return this.#poisoning.isPoisoned
  }

  /** Stops the background work. Changes that are already in the file do no harm. */
  stop(): void {
    this.#isStopped = true
  }

  /** Stops, and closes the journal. */
  close(): void {
    this.stop()
    this.scan.close()
  }

  /** A blocking run may overtake one in the background. It continues where that one stopped. */
  *#replaying(): Protocol {
    yield* this.#securing()
    this.#store.publisher.begin(this.net.commitNumber)
    do yield NEXT_TURN
    while (this.#step())
    const { file } = this.#store
    yield { block: () => file.sync(), wait: () => file.syncAsync() }
    this.#end()
  }

  *#securing(): Protocol {
    if (this.#isSecured) return
    const journal = this.#openJournal()
    try {
      for (const step of storing(this.scan)) {
        yield NEXT_TURN
        step(journal)
      }
      yield { block: () => journal.sync(), wait: () => journal.syncAsync() }
      this.#isSecured = true
    } finally {
      journal.close()
    }
  }

  #openJournal(): PlatformFile {
    const { platform, path } = this.#store
    return platform.open(journalPathOf(path), { access: 'readwrite', create: 'never' })
  }

  /** Stores the next changes. @returns false if none was left */
  #step(): boolean {
    const { net } = this
    const from = this.#done
    if (from >= net.numbers.length) return false
    const to = from + this.#changesAStep
    // A store into a page that is not in memory waits for the disk, so the next step's pages are read ahead.
    if (from === 0) this.#readAhead(0)
    this.#readAhead(to)
    this.#applier.apply(part(net, from, to))
    this.#done = to
    return true
  }

  #readAhead(from: number): void {
    const { net } = this
    const { pool, addressing } = this.#store
    // For a few changes it saves no time.
    if (net.numbers.length < CHANGES_A_STEP) return
    for (const n of net.numbers.subarray(from, from + this.#changesAStep)) {
      if (n < net.size) pool.readAhead(offsetOf(addressing, n), addressing.recordSize)
    }
  }

  /** Ends the journal, after the data was synced: stores both roots, and removes the journal. */
  #end(): void {
    const { platform, path, file } = this.#store
    const { commitNumber, size, deletedCount, capacity, lineage } = this.state
    const sync = (): void => file.sync()
    this.beforeEnd()
    this.#roots.storeAtRest({ commitNumber, size, deletedCount, capacity, lineage }, sync)
    sync()
    if (platform.exists(journalPathOf(path))) {
      new KeptFrames(this.#store, Number.POSITIVE_INFINITY).moveJournal(commitNumber)
      platform.remove(journalPathOf(path))
      platform.syncFolder(path)
    }
    this.#root = this.#roots.root
  }
}

/** Steps that store the bytes of a journal again, in whole blocks of about a megabyte. */
function* storing({ extents, bytes }: JournalScan): Generator<(journal: PlatformFile) => void> {
  if (bytes === undefined) return
  for (const { offset, end } of extents) {
    const last = Math.min(bytes.size, roundToBlock(end))
    for (let at = offset; at < last; at += JOURNAL_BYTES_A_STEP) {
      yield journal => storeAgain(bytes, at, Math.min(last, at + JOURNAL_BYTES_A_STEP), journal)
    }
  }
}

function storeAgain(bytes: JournalBytes, from: number, to: number, journal: PlatformFile): void {
  for (let at = from; at < to; ) {
    const length = Math.min(to - at, bytes.stretchAt(at))
    const memory = bytes.find(at, length)
    journal.store(memory.bytes.subarray(bytes.at, bytes.at + length), at)
    at += length
  }
}

/** The changes [from, to). */
function part(net: NetChanges, from: number, to: number): AppliedChanges {
  return {
    numbers: net.numbers.subarray(from, to),
    isDeleted: i => net.isDeleted(from + i),
    eachPiece: (i, put) => net.eachPiece(from + i, put),
    checksumOf: (i, entryOf) => net.checksumOf(from + i, entryOf),
  }
}
