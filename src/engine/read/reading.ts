/**
 * What does a record set read from, and is that as new as other processes' commits? The state behind the reading face.
 *
 *   RG1  the source is replaced whole when the file behind it is.
 *   RG2  whoever changes something that was found before calls `changed`: nothing is kept of a window then, and walks look again.
 *   RG3  programs reach none of this from a store: it leads to mapped memory.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import type { AnySchema, Codec, Output } from '../../schema/index.ts'
import type { Follower } from '../file/publication.ts'
import type { Addressing } from '../format/addressing.ts'
import type { Locator } from '../records/locator.ts'
import type { RecordLayers } from '../records/record-layers.ts'
import type { Staging } from '../records/staging.ts'
import type { ColdSampling } from './cold-sampling.ts'
import { ConsistentReads, type Holding } from './consistent-reads.ts'
import type { Numbering } from './numbering.ts'
import { StandingRows } from './standing-rows.ts'

/** So many records are looked up faster than the size of the file is asked for. */
const LOOKUPS_MAX = 100

/** What records are read from. */
/** @template L what lies over the records of the file */
export interface Source<S extends AnySchema, L extends RecordLayers = Staging> {
  readonly path: string
  readonly codec: Codec<Output<S>>
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly locator: Locator<L>
  readonly windowBytes: number
  /** Present where another process writes. */
  readonly follower: Follower | undefined
  /** Whether bulk reads come from the disk. */
  readonly coldSampling: ColdSampling
  /** What records are numbered by, until compact replaces the file. */
  readonly numbering: Numbering
}

/** Who brings a reading up to the commits of another process. */
export interface Following extends Holding {
  /** Before each slow read. @throws HeldCommitLost, and whatever opening throws */
  followNews(): void
}

export class Reading<S extends AnySchema, L extends RecordLayers = Staging> {
  /** None where this process writes, and over flat files. */
  following: Following | undefined
  /** Rows on windows; undefined where nobody tells when these go. */
  standing: StandingRows | undefined
  #source: Source<S, L>
  #isClosed = false
  #version = 0
  /** Forgets what the record set keeps of a window. */
  #cool = (): void => undefined
  /** Ends what rows and walks stand on beside another writer. */
  #changedToo = (): void => undefined
  readonly #reads = new ConsistentReads(this)

  constructor(source: Source<S, L>) {
    this.#source = source
  }

  get source(): Source<S, L> {
    return this.#source
  }
  get path(): string {
    return this.#source.path
  }
  get follower(): Follower | undefined {
    return this.#source.follower
  }
  get isClosed(): boolean {
    return this.#isClosed
  }
  /** Counts what may have changed under a walk. */
  get version(): number {
    return this.#version
  }

  /** `cool` is called whenever a window may go, or what lies in it may change. */
  watch(cool: () => void): void {
    this.standing = new StandingRows()
    const { standing } = this
    this.#cool = () => {
      cool()
      standing.end()
    }
    this.#source.pool.watch(this.#cool)
  }

  /** Calls `changed` whenever what was found before may no longer be what is there. One caller. */
  onChange(changed: () => void): void {
    this.#changedToo = changed
  }

  /** What was found before may no longer be what is there. */
  readonly changed = (): void => {
    this.#version++
    this.#cool()
    this.#changedToo()
    const { pool, locator } = this.#source
    locator.expire()
    pool.expire()
  }

  /** Another file is read from now on; for a reader it may be the same file, reopened. */
  attach(source: Source<S, L>): void {
    const { canonical } = this.#source.codec.layout
    if (source.codec.layout.canonical !== canonical) {
      throw new InvariantError(`get and field are made for another layout than the one of ${source.path} now`)
    }
    this.#cool()
    this.#changedToo()
    this.#source = source
    source.pool.watch(this.#cool)
  }

  /** Nothing can be read any more. */
  end(): void {
    this.#isClosed = true
    this.changed()
  }

  /** @throws ERR_STRIDE_CLOSED */
  assertOpen(): void {
    if (!this.#isClosed) return
    throw new StrideError('ERR_STRIDE_CLOSED', `${this.path} is closed`, { path: this.path })
  }

  /** Before each slow read: open, and as new as other processes' commits. @throws ERR_STRIDE_CLOSED, and what opening throws */
  prepare(): void {
    this.assertOpen()
    this.following?.followNews()
  }

  /**
   * Before each bulk read: also the file's size (S6). Few records are read as so many lookups are, whose windows look at the size
   * once a turn of the event loop.
   * @param count records that are about to be read
   */
  prepareBulk(count = Number.POSITIVE_INFINITY): void {
    this.prepare()
    if (count > LOOKUPS_MAX) this.#source.pool.checkSize()
  }

  /** A short reading looked by itself whether a commit came between. */
  noteRead(): void {
    this.#reads.note()
  }

  /** Runs a short reading, and beside another writer again until no commit came between. */
  consistently<T>(read: () => T): T {
    if (this.#source.follower !== undefined) return this.#reads.once(read)
    this.prepare()
    return read()
  }

  /** Runs a reading made of several short ones, which all see the same commit. */
  together<T>(read: () => T): T {
    if (this.#source.follower !== undefined) return this.#reads.together(read)
    this.prepare()
    return read()
  }
}
