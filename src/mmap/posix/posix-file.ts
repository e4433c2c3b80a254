/**
 * How is a file on Linux or macOS opened for mapping? Regions and shared words over it end when it is closed.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { checkOffset, checkRange, roundUp } from '../bounds.ts'
import { DiskFile, type LockTable } from '../disk-file.ts'
import { MappedWords } from '../mapped-words.ts'
import type { Access, Region, SharedWords, StoreWindow } from '../platform.ts'
import { inPoolShare } from '../pool-share.ts'
import { errnoError } from '../system-errors.ts'
import { AddressRange } from './address-range.ts'
import { reserveBlocks } from './allocation.ts'
import { mayBeCopiedUp } from './copy-up.ts'
import { fillHoles, hasHoles, readsTakeBlocks, touchHoles } from './holes.ts'
import { MappedRegion } from './mapped-region.ts'
import { MappedStores, takesMappedStores } from './store-window.ts'
import type { SystemCalls } from './system-calls.ts'

/** A mapping of a part of the file. */
export interface Shown {
  /** File offset behind the last byte that it shows. */
  readonly shownEnd: number
  release(): void
}

/** Files of this thread that are mapped now. */
const shownFiles = new Set<PosixFile>()

export class PosixFile extends DiskFile {
  protected override readonly locksApart = true
  readonly #calls: SystemCalls
  /** Regions, words and views over the file. They end when it is closed. */
  readonly #shown = new Set<Shown>()
  #readsTakeBlocks: boolean | undefined

  constructor(calls: SystemCalls, path: string, fd: number, access: Access, locks: LockTable) {
    super(path, fd, access, locks)
    this.#calls = calls
  }

  /** Called each time a window slides. It takes 250 ns; fstatSync takes 800 and leaves 900 bytes of garbage. */
  override size(): number {
    this.assertOpen()
    const end = this.#calls.fileEnd(this.fd)
    if (end < 0) throw errnoError('lseek', -end, this.path)
    return end
  }

  reserve(capacity: number): Region {
    this.assertOpen()
    if (!Number.isSafeInteger(capacity) || capacity <= 0)
      throw new InvariantError(`A region of ${capacity} bytes`)
    const region = new MappedRegion(this.#calls, this, capacity, released => this.#hidden(released))
    this.keep(region)
    return region
  }

  override storeWindow(capacity: number): StoreWindow | undefined {
    this.assertWritable()
    if (!takesMappedStores(this.#calls, this)) return undefined
    const window = new MappedStores(this.#calls, this, capacity)
    this.keep(window)
    return window
  }

  sharedWords(offset: number, count: number): SharedWords {
    this.assertOpen()
    const words = new MappedWords(this, offset, count, released => this.#hidden(released))
    this.keep(words)
    return words
  }

  /** @internal See mapped-words.ts. */
  get granularity(): number {
    return this.#calls.pageBytes
  }
  /** @internal */
  showWords(first: number, end: number): AddressRange {
    const { abi, pageBytes } = this.#calls
    const length = roundUp(end, pageBytes) - first
    const protection = this.access === 'read' ? abi.PROT_READ : abi.PROT_READ | abi.PROT_WRITE
    if (this.access === 'readwrite') this.fillHoles(first, length)
    const range = AddressRange.reserve(this.#calls, this.path, length)
    try {
      range.show(0, length, this.fd, first, protection, abi.MAP_SHARED)
      if (this.access === 'read') this.touchHoles(range.address, first, length)
      return range
    } catch (error) {
      range.release()
      throw error
    }
  }

  /** Allocates blocks for all pages of a range that a mapping may store to (HO1). @throws ERR_STRIDE_NO_SPACE */
  fillHoles(offset: number, length: number): void {
    if (hasHoles(this)) fillHoles(this.#calls, this, offset, length)
  }

  /** Likewise for a read-only mapping, if reading takes blocks (HO2). @throws ERR_STRIDE_NO_SPACE */
  touchHoles(address: number, offset: number, length: number): void {
    if (this.#isReadingCostly() && hasHoles(this)) touchHoles(this.#calls, this, address, offset, length)
  }

  /** Why the file should be read by position; undefined if it may be mapped. */
  obstacle(): string | undefined {
    if (this.#isReadingCostly() && hasHoles(this))
      return `${this.path} has holes, which take memory when they are read through a mapping`
    if (this.access === 'read' && mayBeCopiedUp(this.path))
      return `${this.path} lies on overlayfs, where a mapping does not follow once a writer has the file copied to the upper layer`
    try {
      const region = this.reserve(1)
      region.point(0, 1)
      region.release()
      if (this.access === 'readwrite' && this.size() >= 4) this.sharedWords(0, 1).close()
      return undefined
    } catch (error) {
      if (error instanceof StrideError) return error.message
      throw error
    }
  }

  #isReadingCostly(): boolean {
    this.#readsTakeBlocks ??= readsTakeBlocks(this.path)
    return this.#readsTakeBlocks
  }

  /** Registers a mapping of the file. @returns a function that unregisters it */
  keep(shown: Shown): () => void {
    this.#shown.add(shown)
    shownFiles.add(this)
    return () => this.#hidden(shown)
  }

  #hidden(shown: Shown): void {
    this.#shown.delete(shown)
    if (this.#shown.size === 0) shownFiles.delete(this)
  }

  /**
   * Sets the size. A touch past the end would be a SIGBUS, so a part that other openers in this thread show is not cut off.
   * @throws ERR_STRIDE_BUSY
   */
  override resize(size: number): void {
    this.assertWritable()
    checkOffset('size', size)
    for (const other of shownFiles) {
      if (other === this || other.#shownEnd() <= size || other.identity() !== this.identity()) continue
      const message = `${this.path} is shown up to byte ${other.#shownEnd()} by another opener, so it is not cut to ${size}`
      throw new StrideError('ERR_STRIDE_BUSY', message, { path: this.path, offset: size })
    }
    super.resize(size)
  }

  #shownEnd(): number {
    let end = 0
    for (const shown of this.#shown) end = Math.max(end, shown.shownEnd)
    return end
  }

  readAhead(offset: number, length: number): void {
    this.assertOpen()
    checkRange(offset, length)
    const { POSIX_FADV_WILLNEED, F_RDADVISE } = this.#calls.abi
    // Advice is optional, so its result is ignored.
    if (POSIX_FADV_WILLNEED !== undefined)
      this.#calls.posixFadvise(this.fd, offset, length, POSIX_FADV_WILLNEED)
    else if (F_RDADVISE !== undefined) this.#calls.fcntl(this.fd, F_RDADVISE, radvisory(offset, length))
  }

  override async writeBack(offset: number, length: number): Promise<void> {
    this.assertOpen()
    checkRange(offset, length)
    const { SYNC_FILE_RANGE } = this.#calls.abi
    if (SYNC_FILE_RANGE === undefined) return
    // The result is ignored, since the sync that follows reports failures.
    await inPoolShare(() => this.#calls.syncFileRangeAsync(this.fd, offset, length, SYNC_FILE_RANGE))
  }

  override close(): void {
    for (const shown of [...this.#shown]) shown.release()
    super.close()
  }

  protected override reserveBlocks(offset: number, length: number): boolean {
    return reserveBlocks(this.#calls, this, offset, length)
  }
}

/** struct radvisory of macOS: i64 offset, i32 count. */
function radvisory(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(0, BigInt(offset), true)
  view.setInt32(8, Math.min(length, 0x7fffffff), true)
  return bytes
}
