/**
 * Which records does a transaction of `begin()` see? Those of one commit, and its own changes.
 *
 * A record is looked for in four layers, in this order: the transaction's own changes, versions that later commits replaced
 * (versions.ts), sealed changes that are not in the file yet, and the file. Changes staged in the store itself are not seen.
 *   CV1  appended records are among the own changes, at the numbers reserved for them. The numbers between the commit's records and those
 *        are absent records.
 */

import { StrideError } from '../../errors.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { HeapBytes } from './heap-bytes.ts'
import type { ChangeableLayers } from './record-layers.ts'
import type { Staging } from './staging.ts'
import type { OpenView, Versions } from './versions.ts'

const DELETED = -1
const LENT = 0
const EMPTY = new HeapBytes(Buffer.alloc(0))

export class CommitView implements ChangeableLayers, OpenView {
  readonly recordSize: number
  readonly baseSize: number
  readonly commitNumber: number
  readonly tail = EMPTY
  ended: string | undefined
  readonly #staging: Staging
  readonly #versions: Versions
  readonly #bytesMax: number
  readonly #own = new Map<number, HeapBytes | undefined>()
  #size: number
  #ownBytes = 0
  /** Live records of this view, less those of the commit. */
  #liveDelta = 0
  /** The image that `find` found last, and its position. */
  #lent: HeapBytes = EMPTY
  #lentAt = 0

  /** @param bytesMax limit of the memory for its own changes */
  constructor(staging: Staging, versions: Versions, commitNumber: number, bytesMax: number) {
    this.#staging = staging
    this.#versions = versions
    this.#bytesMax = bytesMax
    this.recordSize = staging.recordSize
    this.commitNumber = commitNumber
    this.baseSize = this.#size = staging.baseSize
  }

  get size(): number {
    return this.#size
  }
  get tailStart(): number {
    return Number.POSITIVE_INFINITY
  }
  /** Never 0, so that each record is looked for here first. */
  get changeCount(): number {
    return 1
  }
  /** Its own changes by record number; undefined stands for a deletion. */
  get own(): ReadonlyMap<number, HeapBytes | undefined> {
    return this.#own
  }
  get liveDelta(): number {
    return this.#liveDelta
  }

  find(n: number): number | undefined {
    // A snapshot has no changes of its own.
    if (this.#own.size > 0) {
      const own = this.#own.get(n)
      if (own !== undefined) return this.#lend(own, 0)
      if (this.#own.has(n)) return DELETED
    }
    if (n >= this.baseSize) return DELETED
    const version = this.#versions.find(n, this.commitNumber)
    if (version !== undefined) return version.image === undefined ? DELETED : this.#lend(version.image, 0)
    const slot = this.#staging.findSealed(n)
    if (slot === undefined || slot < 0) return slot
    return this.#lend(this.#staging.imageSource(slot), this.#staging.imageAt(slot))
  }
  findSealed(n: number): number | undefined {
    return this.find(n)
  }
  imageSource(_: number): HeapBytes {
    return this.#lent
  }
  imageAt(_: number): number {
    return this.#lentAt
  }
  unchangedBelow(n: number): number {
    return n + 1
  }
  tokenOn(memory: HeapBytes): RecordBytes {
    return this.#staging.tokenOn(memory)
  }
  expire(): void {
    this.#staging.expire()
  }

  setImage(n: number, image: RecordBytes, revives: boolean): void {
    const old = this.#own.get(n)
    if (old === undefined) this.#take()
    const copy = HeapBytes.ofSize(this.recordSize)
    copyBytes(image, 0, copy, 0, this.recordSize)
    this.expire()
    this.#own.set(n, copy)
    if (n >= this.#size) this.#size = n + 1
    if (revives) this.#liveDelta++
  }

  setDeleted(n: number, wasLive = true): void {
    this.expire()
    if (this.#own.get(n) !== undefined) this.#ownBytes -= this.recordSize
    this.#own.set(n, undefined)
    if (wasLive) this.#liveDelta--
  }

  /** Takes back an append. */
  forget(n: number): void {
    if (!this.#own.delete(n)) return
    this.#ownBytes -= this.recordSize
    this.#liveDelta--
    while (this.#size > this.baseSize && !this.#own.has(this.#size - 1)) this.#size--
  }

  #take(): void {
    const bytes = this.#ownBytes + this.recordSize
    if (bytes > this.#bytesMax) {
      const message = `More is staged than stagedBytesMax allows: ${bytes} bytes in one transaction`
      throw new StrideError('ERR_STRIDE_LIMIT', message)
    }
    this.#ownBytes = bytes
  }

  #lend(memory: HeapBytes, at: number): number {
    this.#lent = memory
    this.#lentAt = at
    return LENT
  }
}
