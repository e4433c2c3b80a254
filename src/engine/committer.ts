/**
 * Makes staged changes durable: in which order bytes, syncs and roots reach the disk.
 *
 * A commit stores what is staged at the call, then joins a round: sync the data, write the root's other copy,
 * sync again. Commits that are asked for during a round share the next one.
 *   C1  a root is written only after the sync that covers everything it counts.
 *   C2  a root is never written over the copy that is known to be durable.
 *   C3  syncs on one descriptor never overlap: blocking ones have a descriptor of their own (D5).
 *   C4  a failed store or sync poisons: every pending and later commit fails, nothing is retried.
 * Without a journal a crash inside a commit may leave some of its changes: docs/durability.md.
 */

import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import type { WindowPool } from '../mmap/window.ts'
import { offsetOf } from './addressing.ts'
import type { Locator } from './locator.ts'
import type { Publisher } from './publication.ts'
import { type Root, writeRoot } from './root.ts'
import type { Space } from './space.ts'
import { DELETED } from './staging.ts'

interface Waiter {
  readonly commitNumber: number
  readonly resolve: (commitNumber: number) => void
  readonly reject: (error: unknown) => void
}

export interface CommitterParts {
  readonly file: PlatformFile
  /** Opens the descriptor for blocking syncs: the same file, before anything is stored. */
  readonly syncFile: PlatformFile
  readonly pool: WindowPool
  readonly locator: Locator
  readonly publisher: Publisher
  readonly root: Root
  /** Called whenever committed bytes or counts changed. */
  readonly changed: () => void
}

export class Committer {
  readonly #parts: CommitterParts
  #space: Space | undefined
  #root: Root
  #commitNumber: number
  #durableCommitNumber: number
  #deletedCount: number
  #waiters: Waiter[] = []
  #round: Promise<void> | undefined
  #failure: unknown
  #closed = false
  /** Syncs asked of the system since opening. */
  syncs = 0
  commits = 0

  constructor(parts: CommitterParts) {
    this.#parts = parts
    this.#root = parts.root
    this.#commitNumber = parts.root.commitNumber
    this.#durableCommitNumber = parts.root.commitNumber
    this.#deletedCount = parts.root.deletedCount
  }

  /** The room that apply may have to make; set once, since both need each other. */
  attachSpace(space: Space): void {
    this.#space = space
  }

  /** The number of the last commit whose changes are in the file. */
  get commitNumber(): number {
    return this.#commitNumber
  }
  /** The number of the last commit that survives the loss of power. */
  get durableCommitNumber(): number {
    return this.#durableCommitNumber
  }
  /** Deleted records, by the commits applied so far. */
  get deletedCount(): number {
    return this.#deletedCount
  }

  /** @throws ERR_STRIDE_POISONED once a store or a sync failed */
  assertSound(): void {
    if (this.#failure === undefined) return
    const { path } = this.#parts.file
    const message = `An earlier write to ${path} failed; close and reopen it: ${String(this.#failure)}`
    throw new StrideError('ERR_STRIDE_POISONED', message, { path, cause: this.#failure })
  }

  async commit(): Promise<number> {
    this.assertSound()
    return this.#durable(this.#apply())
  }

  /** Resolves once everything applied so far is durable; what is only staged is not touched. */
  async flush(): Promise<number> {
    this.assertSound()
    return this.#durable(this.#commitNumber)
  }

  commitSync(): number {
    this.assertSound()
    const commitNumber = this.#apply()
    if (commitNumber > this.durableCommitNumber) this.publishSync()
    return commitNumber
  }

  /** One blocking round over everything applied so far; answers every waiter. */
  publishSync(): void {
    this.assertSound()
    const next = this.#nextRoot()
    try {
      this.#countedSync()
      this.#storeRoot(next)
      this.#countedSync()
    } catch (error) {
      throw this.#poison(error)
    }
    this.#published(next)
  }

  /** Waits for the commits in flight. */
  async drain(): Promise<void> {
    while (this.#round !== undefined) await this.#round
  }

  /** Finishes the commits in flight with a sync of its own. Descriptors close when their last sync returned. */
  close(): void {
    if (this.#closed) return
    try {
      if (this.#waiters.length > 0 && this.#failure === undefined) this.publishSync()
    } finally {
      this.#closed = true
      this.#parts.syncFile.close()
      const { file } = this.#parts
      if (this.#round === undefined) file.close()
      else void this.#round.finally(() => file.close())
    }
  }

  #durable(commitNumber: number): Promise<number> | number {
    if (commitNumber <= this.#durableCommitNumber) return commitNumber
    return new Promise((resolve, reject) => {
      this.#waiters.push({ commitNumber, resolve, reject })
      this.#round ??= this.#runRounds()
    })
  }

  /** Stores everything staged into the file. @returns the number of the commit that holds it */
  #apply(): number {
    const { locator, pool, publisher } = this.#parts
    const { staging, liveness, addressing } = locator
    if (staging.isEmpty) return this.#commitNumber
    const numbers = staging.changedNumbers()
    if (staging.deletedDelta > 0 || numbers.some(n => staging.find(n) === DELETED))
      this.#space?.ensureLiveBits()
    publisher.begin()
    try {
      const { recordSize } = staging
      if (staging.tailCount > 0) {
        const tail = staging.tail.bytes.subarray(0, staging.tailCount * recordSize)
        pool.store(tail, offsetOf(addressing, staging.tailStart))
      }
      for (const n of numbers) {
        const slot = staging.find(n) ?? DELETED
        if (slot !== DELETED) {
          const at = staging.imageAt(slot)
          pool.store(staging.imageSource(slot).bytes.subarray(at, at + recordSize), offsetOf(addressing, n))
        }
        if (liveness.exists) liveness.set(n, slot === DELETED)
      }
    } catch (error) {
      throw this.#poison(error)
    } finally {
      publisher.end()
    }
    this.#deletedCount += staging.deletedDelta
    staging.applied()
    this.#commitNumber++
    this.commits++
    this.#parts.changed()
    return this.#commitNumber
  }

  async #runRounds(): Promise<void> {
    try {
      // Commits of the same event-loop turn share the first round.
      await Promise.resolve()
      while (this.#waiters.length > 0 && !this.#closed) {
        const next = this.#nextRoot()
        this.syncs++
        await this.#parts.file.syncAsync()
        if (this.#isOvertakenBy(next)) continue
        const root = { ...next, rootNumber: this.#root.rootNumber + 1 }
        this.#storeRoot(root)
        this.syncs++
        await this.#parts.file.syncAsync()
        if (!this.#closed) this.#published(root)
      }
    } catch (error) {
      this.#poison(error)
    } finally {
      this.#round = undefined
    }
  }

  /** Whether a blocking round made everything durable that this root would count. */
  #isOvertakenBy(next: Root): boolean {
    return this.#closed || this.#failure !== undefined || this.#durableCommitNumber >= next.commitNumber
  }

  #nextRoot(): Root {
    const state = this.#space?.state ?? this.#root
    return {
      commitNumber: this.#commitNumber,
      rootNumber: this.#root.rootNumber + 1,
      size: this.#parts.locator.staging.baseSize,
      deletedCount: this.#deletedCount,
      capacity: state.capacity,
      liveBitsOffset: state.liveBitsOffset,
      liveBitsBytes: state.liveBitsBytes,
    }
  }

  #storeRoot(root: Root): void {
    writeRoot(this.#parts.file, root)
    this.#root = root
  }

  /** A root is on the disk: its commits are durable. */
  #published(root: Root): void {
    this.#parts.publisher.end()
    const durable = Math.max(this.#durableCommitNumber, root.commitNumber)
    this.#durableCommitNumber = durable
    const ready = this.#waiters.filter(waiter => waiter.commitNumber <= durable)
    this.#waiters = this.#waiters.filter(waiter => waiter.commitNumber > durable)
    for (const waiter of ready) waiter.resolve(waiter.commitNumber)
  }

  #countedSync(): void {
    this.syncs++
    this.#parts.syncFile.sync()
  }

  #poison(error: unknown): unknown {
    this.#failure ??= error
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
    return error
  }
}
