/**
 * What does a record set read from, and is it up to date with other processes' commits?
 *
 *   RG1  the whole source is replaced when its file is.
 *   RG2  every change of records calls `changed`. Kept windows are then dropped, and walks find their records again.
 *   RG3  programs cannot reach this object from a store, since it leads to mapped memory.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import type { AnySchema, Codec, Output } from '../../schema/index.ts'
import type { Addressing } from '../format/addressing.ts'
import type { Follower } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import type { Staging } from '../staging/staging.ts'
import type { ColdSampling } from './cold-sampling.ts'
import { ConsistentReads, type Holding } from './consistent-reads.ts'
import { HotRows } from './hot-rows.ts'
import type { Numbering } from './numbering.ts'

/** Looking up so many records is faster than asking for the size of the file. */
const LOOKUPS_MAX = 100

/** The source of reads. @template L the changes over the records of the file */
export interface Source<S extends AnySchema, L extends RecordLayers = Staging> {
  readonly path: string
  readonly codec: Codec<Output<S>>
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly locator: Locator<L>
  readonly windowBytes: number
  /** Defined if another process writes. */
  readonly follower: Follower | undefined
  /** Whether bulk reads come from the disk. */
  readonly coldSampling: ColdSampling
  /** The numbering of records, until compact replaces the file. */
  readonly numbering: Numbering
}

/** Follows the commits of another process. */
export interface Following extends Holding {
  /** Before each slow read. @throws HeldCommitLost, and whatever opening throws */
  followNews(): void
}

export class Reading<S extends AnySchema, L extends RecordLayers = Staging> {
  /** Undefined if this process writes, and for flat files. */
  following: Following | undefined
  /** The hot rows; undefined if nothing notifies when windows go. */
  standing: HotRows | undefined
  #source: Source<S, L>
  #isClosed = false
  #version = 0
  /** Ends the hot range of the record set. */
  #cool = (): void => undefined
  /** The same functions of snapshots. Weak references, so that an unreferenced snapshot is collected. */
  readonly #coolToo = new Set<WeakRef<() => void>>()
  /** Ends the copies of rows and walks beside another writer. */
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
  /** Changes whenever something may have changed under a walk. */
  get version(): number {
    return this.#version
  }

  /** From now on calls `cool` whenever a window goes, or its records may change. */
  watch(cool: () => void): void {
    const coolAll = this.cooling(cool)
    this.#cool = () => {
      coolAll()
      if (this.#coolToo.size > 0) this.#coolSnapshots()
    }
    this.#source.pool.watch(this.#cool)
  }

  /** Also calls `cool` of a snapshot then, for as long as something else holds the function. */
  watchToo(cool: () => void): void {
    this.#coolToo.add(new WeakRef(cool))
  }

  /** Calls `cool` and ends standing rows whenever records of this reading may change. @returns the function that does both */
  protected cooling(cool: () => void): () => void {
    this.standing = new HotRows()
    const { standing } = this
    this.#cool = () => {
      cool()
      standing.end()
    }
    return this.#cool
  }

  #coolSnapshots(): void {
    for (const each of this.#coolToo) {
      const cool = each.deref()
      if (cool === undefined) this.#coolToo.delete(each)
      else cool()
    }
  }

  /** From now on calls `changed` whenever a record that was found may have changed. There is one caller. */
  onChange(changed: () => void): void {
    this.#changedToo = changed
  }

  /** Called when records that were found may have changed. */
  readonly changed = (): void => {
    this.#version++
    this.#cool()
    this.#changedToo()
    const { pool, locator } = this.#source
    locator.expire()
    pool.expire()
  }

  /** Reads from another file from now on. For a reader it may be the same file, reopened. */
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

  /** Ends the reading, at close. */
  end(): void {
    this.#isClosed = true
    this.changed()
  }

  /** @throws ERR_STRIDE_CLOSED */
  assertOpen(): void {
    if (!this.#isClosed) return
    throw new StrideError('ERR_STRIDE_CLOSED', `${this.path} is closed`, { path: this.path })
  }

  /** Called before each slow read. Follows other processes' commits. @throws ERR_STRIDE_CLOSED, and what opening throws */
  prepare(): void {
    this.assertOpen()
    this.following?.followNews()
  }

  /**
   * Called before each bulk read. Also checks the file's size (S6). Few records count as lookups, whose windows check the size once in a
   * turn of the event loop.
   * @param count how many records will be read
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

  /** Runs a reading of several short ones, which all see one commit. */
  together<T>(read: () => T): T {
    if (this.#source.follower !== undefined) return this.#reads.together(read)
    this.prepare()
    return read()
  }
}
