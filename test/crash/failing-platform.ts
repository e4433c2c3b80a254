/**
 * A platform whose N-th call fails.
 *
 * Wraps any other one. Counted are the calls that ask the system for something and can be refused; close() and
 * unlock() never fail. It also knows which files are open, so that a leak shows.
 */

import { constants } from 'node:os'
import { Pieces } from '../../src/mmap/pieces.ts'
import type { Platform, PlatformFile, Region, SharedWords, StoreWindow } from '../../src/mmap/platform.ts'
import { errnoError } from '../../src/mmap/system-errors.ts'

/** 'short': a part of the bytes is stored, then the disk is full. */
export type Fault = 'EIO' | 'ENOSPC' | 'ENOMEM' | 'EINTR' | 'short'

export interface FaultPlan {
  /** Which call fails, counted from 1 since the plan was armed. */
  readonly at: number
  readonly fault: Fault
  /** Every call that can fail so, from that one on. */
  readonly forever: boolean
}

/** One call that was made. */
export interface Call {
  readonly name: CallName
  readonly path: string
}

export type CallName =
  | 'open'
  | 'rename'
  | 'renameNew'
  | 'remove'
  | 'syncFolder'
  | 'size'
  | 'identity'
  | 'takeAccessOf'
  | 'resize'
  | 'allocate'
  | 'read'
  | 'store'
  | 'sync'
  | 'syncAsync'
  | 'writeBack'
  | 'tryLock'
  | 'isLocked'
  | 'sharedWords'
  | 'loadWord'
  | 'storeWord'
  | 'reserve'
  | 'point'
  | 'populate'

const WRITES: readonly CallName[] = [
  'open',
  'rename',
  'renameNew',
  'resize',
  'allocate',
  'store',
  'sync',
  'syncAsync',
  'syncFolder',
  'storeWord',
]
const MEMORY: readonly CallName[] = [
  'open',
  'tryLock',
  'isLocked',
  'sharedWords',
  'reserve',
  'point',
  'populate',
  'allocate',
]
const WAITS: readonly CallName[] = ['open', 'read', 'allocate', 'sync', 'syncAsync', 'writeBack']

/** What the system calls it, where that decides about the code. */
const SYSTEM_CALLS: Partial<Record<CallName, string>> = {
  sync: 'fdatasync',
  syncAsync: 'fdatasync',
  syncFolder: 'fsync',
}

/** Whether a call can fail in this way. */
export function canFail(name: CallName, fault: Fault): boolean {
  if (fault === 'short') return name === 'store'
  if (fault === 'ENOSPC') return WRITES.includes(name)
  if (fault === 'ENOMEM') return MEMORY.includes(name)
  if (fault === 'EINTR') return WAITS.includes(name)
  // A lock is refused, or there is none left; a disk is not asked for it.
  return name !== 'tryLock' && name !== 'isLocked'
}

export class Faults {
  #plan: FaultPlan | undefined
  #calls: Call[] = []
  #failed: Call[] = []
  readonly openFiles = new Set<string>()

  /** From now on calls are counted, and fail as planned. */
  arm(plan?: FaultPlan): void {
    this.#plan = plan
    this.#calls = []
    this.#failed = []
  }
  /** Nothing fails any more. */
  disarm(): void {
    this.#plan = undefined
  }
  /** Calls since the last arm(). */
  get calls(): readonly Call[] {
    return this.#calls
  }
  /** Those that failed. */
  get failed(): readonly Call[] {
    return this.#failed
  }

  /** Runs a call, or fails in its place; `part` does what a short write still does. */
  call<T>(name: CallName, path: string, run: () => T, part?: () => void): T {
    const call = { name, path }
    this.#calls.push(call)
    const plan = this.#plan
    if (plan === undefined || !canFail(name, plan.fault)) return run()
    const isDue = plan.forever ? this.#calls.length >= plan.at : this.#calls.length === plan.at
    if (!isDue) return run()
    this.#failed.push(call)
    if (plan.fault === 'short') part?.()
    const errno = plan.fault === 'short' ? 'ENOSPC' : plan.fault
    throw errnoError(SYSTEM_CALLS[name] ?? name, constants.errno[errno], path)
  }
}

export function failingPlatform(inner: Platform, faults: Faults): Platform {
  return {
    name: inner.name,
    granularity: inner.granularity,
    exists: path => inner.exists(path),
    resolve: path => inner.resolve(path),
    obstacle: file => inner.obstacle(file instanceof FailingFile ? file.inner : file),
    isNetworkPath: path => inner.isNetworkPath(path),
    open: (path, options) =>
      faults.call(
        'open',
        path,
        () => new FailingFile(inner.open(path, options), faults, inner.name === 'file'),
      ),
    rename: (from, to, own) =>
      faults.call('rename', from, () => inner.rename(from, to, own instanceof FailingFile ? own.inner : own)),
    renameNew: (from, to) => faults.call('renameNew', from, () => inner.renameNew(from, to)),
    remove: path => faults.call('remove', path, () => inner.remove(path)),
    syncFolder: path => faults.call('syncFolder', path, () => inner.syncFolder(path)),
  }
}

let opened = 0

class FailingFile implements PlatformFile {
  readonly inner: PlatformFile
  readonly #faults: Faults
  readonly #areWordsCalls: boolean
  readonly #name: string

  constructor(inner: PlatformFile, faults: Faults, areWordsCalls: boolean) {
    this.inner = inner
    this.#faults = faults
    this.#areWordsCalls = areWordsCalls
    this.#name = `${++opened}: ${inner.path}`
    faults.openFiles.add(this.#name)
  }

  get path(): string {
    return this.inner.path
  }
  get access(): PlatformFile['access'] {
    return this.inner.access
  }
  size(): number {
    return this.#call('size', () => this.inner.size())
  }
  identity(): string {
    return this.#call('identity', () => this.inner.identity())
  }
  takeAccessOf(other: PlatformFile): void {
    this.#call('takeAccessOf', () => this.inner.takeAccessOf(other))
  }
  resize(size: number): void {
    this.#call('resize', () => this.inner.resize(size))
  }
  allocate(offset: number, length: number): void {
    this.#call('allocate', () => this.inner.allocate(offset, length))
  }
  read(target: Uint8Array, offset: number): number {
    return this.#call('read', () => this.inner.read(target, offset))
  }
  store(bytes: Uint8Array, offset: number): void {
    const part = (): void => this.inner.store(bytes.subarray(0, Math.floor(bytes.length / 2)), offset)
    this.#faults.call('store', this.path, () => this.inner.store(bytes, offset), part)
  }
  storeWindow(capacity: number): StoreWindow | undefined {
    const window = this.inner.storeWindow(capacity)
    if (window === undefined) return undefined
    return {
      pagesMin: window.pagesMin,
      clear: () => window.clear(),
      store: pieces => {
        const part = (): void => window.store(firstHalfOf(pieces))
        this.#faults.call('store', this.path, () => window.store(pieces), part)
      },
    }
  }
  sync(): void {
    this.#call('sync', () => this.inner.sync())
  }
  async syncAsync(): Promise<void> {
    await this.#call('syncAsync', () => this.inner.syncAsync())
  }
  async writeBack(offset: number, length: number): Promise<void> {
    await this.#call('writeBack', () => this.inner.writeBack(offset, length))
  }
  tryLock(byte: number, kind: 'shared' | 'exclusive'): boolean {
    return this.#call('tryLock', () => this.inner.tryLock(byte, kind))
  }
  unlock(byte: number): void {
    this.inner.unlock(byte)
  }
  isLocked(byte: number): boolean {
    return this.#call('isLocked', () => this.inner.isLocked(byte))
  }
  sharedWords(offset: number, count: number): SharedWords {
    const words = this.#call('sharedWords', () => this.inner.sharedWords(offset, count))
    if (!this.#areWordsCalls) return words
    return {
      load: index => this.#call('loadWord', () => words.load(index)),
      mapped: () => undefined,
      store: (index, value) => this.#call('storeWord', () => words.store(index, value)),
      close: () => words.close(),
    }
  }
  reserve(capacity: number): Region {
    return new FailingRegion(
      this.#call('reserve', () => this.inner.reserve(capacity)),
      this.path,
      this.#faults,
    )
  }
  readAhead(offset: number, length: number): void {
    this.inner.readAhead(offset, length)
  }
  close(): void {
    this.#faults.openFiles.delete(this.#name)
    this.inner.close()
  }

  #call<T>(name: CallName, run: () => T): T {
    return this.#faults.call(name, this.path, run)
  }
}

function firstHalfOf(pieces: Pieces): Pieces {
  const half = new Pieces()
  for (let i = 0; i < pieces.count >> 1; i++)
    half.add(pieces.sourceOf(i), pieces.startOf(i), pieces.lengthOf(i), pieces.offsetOf(i))
  return half
}

class FailingRegion implements Region {
  readonly #inner: Region
  readonly #path: string
  readonly #faults: Faults

  constructor(inner: Region, path: string, faults: Faults) {
    this.#inner = inner
    this.#path = path
    this.#faults = faults
  }

  get capacity(): number {
    return this.#inner.capacity
  }
  get buffer(): ArrayBuffer {
    return this.#inner.buffer
  }
  get live(): boolean {
    return this.#inner.live
  }
  get pageBytes(): number {
    return this.#inner.pageBytes
  }
  point(offset: number, length: number): void {
    this.#faults.call('point', this.#path, () => this.#inner.point(offset, length))
  }
  advise(at: number, length: number, advice: 'normal' | 'random' | 'sequential'): void {
    this.#inner.advise(at, length, advice)
  }
  populate(at: number, length: number): void {
    this.#faults.call('populate', this.#path, () => this.#inner.populate(at, length))
  }
  async populateAsync(at: number, length: number): Promise<void> {
    await this.#faults.call('populate', this.#path, () => this.#inner.populateAsync(at, length))
  }
  residentPages(at: number, length: number): number {
    return this.#inner.residentPages(at, length)
  }
  clear(): void {
    this.#inner.clear()
  }
  release(): void {
    this.#inner.release()
  }
}
