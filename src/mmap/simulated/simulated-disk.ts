/**
 * How are the files of a simulated platform kept in memory?
 *
 * Each file is a sparse list of chunks over bytes that it may share with other files. An observer is called before every change. A
 * crash test can record the change, or throw, and then nothing has changed. The tests decide what survives a loss of power; the
 * events contain enough for that. It is also possible after a failed sync, where Linux marks pages as clean although they are not on
 * the disk (fsyncgate; Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
 */

import type { LockKind } from '../platform.ts'

/** One change of the disk. `file` is the number of the file, which a rename does not change. */
export type DiskEvent =
  | { readonly kind: 'create'; readonly file: number; readonly path: string }
  /** `mapped`: stored through shared words, which no sync orders. The bytes belong to the caller; copy them to keep them. */
  | {
      readonly kind: 'store'
      readonly file: number
      readonly offset: number
      readonly bytes: Uint8Array
      readonly mapped: boolean
    }
  | { readonly kind: 'resize'; readonly file: number; readonly from: number; readonly to: number }
  | { readonly kind: 'allocate'; readonly file: number; readonly offset: number; readonly length: number }
  /** Bytes stored before sync-begin are durable at the sync-end of the same number. */
  | { readonly kind: 'sync-begin' | 'sync-end'; readonly file: number; readonly sync: number }
  /** The observer threw at sync-end. The bytes of the sync stay readable and count as clean, so no later sync writes them. */
  | { readonly kind: 'sync-failed'; readonly file: number; readonly sync: number }
  | { readonly kind: 'rename'; readonly file: number; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly file: number; readonly path: string }
  /** Names in this folder are durable now. */
  | { readonly kind: 'sync-folder'; readonly folder: string }
  /** The observer threw at sync-folder. Its names count as clean until another name in the folder changes. */
  | { readonly kind: 'sync-folder-failed'; readonly folder: string }

/** Called before each event takes effect. If it throws, the call throws the same, and nothing has changed (except by a failed sync). */
export type DiskObserver = (event: DiskEvent) => void

const CHUNK_BYTES = 8 * 1024

/** An object that shows a part of a file, and is notified of changes. */
export interface ContentWatcher {
  stored(bytes: Uint8Array, offset: number): void
  resized(size: number): void
}

/** The bytes of one file, independent of its names and handles. */
export class SimulatedContent {
  readonly file: number
  readonly watchers = new Set<ContentWatcher>()
  readonly locks = new Map<number, { exclusive: object | undefined; readonly shared: Set<object> }>()
  /** What was changed, or is not shared. */
  readonly #chunks = new Map<number, Uint8Array>()
  /** Shared bytes, from the file's start. They count where there is no chunk. */
  #shared: Uint8Array = new Uint8Array(0)
  #size = 0

  constructor(file: number) {
    this.file = file
  }

  get size(): number {
    return this.#size
  }

  /** Fills a new file with these bytes, which the caller must not change. */
  borrow(bytes: Uint8Array): void {
    this.#shared = bytes
    this.#size = bytes.byteLength
  }

  read(target: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(target.byteLength, this.#size - offset))
    for (let done = 0; done < length; ) {
      const { index, at, count } = chunkAt(offset + done, length - done)
      const chunk = this.#chunks.get(index)
      if (chunk === undefined) this.#readShared(target.subarray(done, done + count), offset + done)
      else target.set(chunk.subarray(at, at + count), done)
      done += count
    }
    return length
  }

  store(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.byteLength; ) {
      const { index, at, count } = chunkAt(offset + done, bytes.byteLength - done)
      this.#ownChunk(index).set(bytes.subarray(done, done + count), at)
      done += count
    }
    if (bytes.byteLength > 0) this.#size = Math.max(this.#size, offset + bytes.byteLength)
    for (const watcher of this.watchers) watcher.stored(bytes, offset)
  }

  resize(size: number): void {
    if (size < this.#size) {
      const { index, at } = chunkAt(size, 1)
      this.#shared = this.#shared.subarray(0, size)
      this.#chunks.get(index)?.fill(0, at)
      for (const other of [...this.#chunks.keys()]) if (other > index) this.#chunks.delete(other)
    }
    this.#size = size
    for (const watcher of this.watchers) watcher.resized(size)
  }

  /** The chunk, copied if it is shared. */
  #ownChunk(index: number): Uint8Array {
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BYTES)
      this.#readShared(chunk, index * CHUNK_BYTES)
      this.#chunks.set(index, chunk)
    }
    return chunk
  }

  #readShared(target: Uint8Array, offset: number): void {
    const bytes = this.#shared.subarray(offset, offset + target.byteLength)
    target.set(bytes)
    target.fill(0, bytes.byteLength)
  }

  tryLock(owner: object, byte: number, kind: LockKind): boolean {
    const lock = this.locks.get(byte) ?? { exclusive: undefined, shared: new Set<object>() }
    if (lock.exclusive !== undefined && lock.exclusive !== owner) return false
    if (kind === 'exclusive' && [...lock.shared].some(other => other !== owner)) return false
    lock.exclusive = kind === 'exclusive' ? owner : undefined
    if (kind === 'shared') lock.shared.add(owner)
    else lock.shared.delete(owner)
    this.locks.set(byte, lock)
    return true
  }

  isLocked(owner: object, byte: number): boolean {
    const exclusive = this.locks.get(byte)?.exclusive
    return exclusive !== undefined && exclusive !== owner
  }

  unlock(owner: object, byte: number): void {
    const lock = this.locks.get(byte)
    if (lock?.exclusive === owner) lock.exclusive = undefined
    lock?.shared.delete(owner)
  }

  unlockAll(owner: object): void {
    for (const byte of this.locks.keys()) this.unlock(owner, byte)
  }
}

/** Names and files. */
export class SimulatedDisk {
  readonly observe: DiskObserver
  readonly names = new Map<string, SimulatedContent>()
  #files = 0
  #syncs = 0

  constructor(observe: DiskObserver) {
    this.observe = observe
  }

  create(path: string): SimulatedContent {
    const content = new SimulatedContent(this.#files + 1)
    this.observe({ kind: 'create', file: content.file, path })
    this.#files++
    this.names.set(path, content)
    return content
  }

  /** Begins a sync of a file. @returns a function that ends it, and throws what the observer throws, as a failed sync */
  beginSync(file: number): () => void {
    const sync = ++this.#syncs
    this.observe({ kind: 'sync-begin', file, sync })
    return () => this.#orFailed({ kind: 'sync-end', file, sync }, { kind: 'sync-failed', file, sync })
  }

  syncFolder(folder: string): void {
    this.#orFailed({ kind: 'sync-folder', folder }, { kind: 'sync-folder-failed', folder })
  }

  #orFailed(event: DiskEvent, failure: DiskEvent): void {
    try {
      this.observe(event)
    } catch (error) {
      this.observe(failure)
      throw error
    }
  }
}

function chunkAt(
  offset: number,
  length: number,
): { readonly index: number; readonly at: number; readonly count: number } {
  const index = Math.floor(offset / CHUNK_BYTES)
  const at = offset - index * CHUNK_BYTES
  return { index, at, count: Math.min(length, CHUNK_BYTES - at) }
}
