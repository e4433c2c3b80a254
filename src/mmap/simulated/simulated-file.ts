/**
 * How does a handle on a file in memory behave? Like one on disk, locks and closing included.
 */

import { StrideError } from '../../errors.ts'
import { checkOffset, checkRange } from '../bounds.ts'
import type { Pieces } from '../pieces.ts'
import type { Access, LockKind, PlatformFile, Region, SharedWords, StoreWindow } from '../platform.ts'
import { closedError, readOnlyError, truncatedError } from '../system-errors.ts'
import type { SimulatedContent, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedRegion } from './simulated-region.ts'

/** A larger size must be a mistake. */
const SIZE_MAX = 2 ** 46

export class SimulatedFile implements PlatformFile {
  readonly path: string
  readonly access: Access
  readonly #disk: SimulatedDisk
  readonly #content: SimulatedContent
  readonly #regions = new Set<SimulatedRegion>()
  #lastSync: Promise<void> = Promise.resolve()
  #closed = false

  constructor(disk: SimulatedDisk, path: string, content: SimulatedContent, access: Access) {
    this.#disk = disk
    this.path = path
    this.#content = content
    this.access = access
  }

  size(): number {
    this.#assertOpen()
    return this.#content.size
  }

  identity(): string {
    this.#assertOpen()
    return `simulated:${this.#content.file}`
  }

  takeAccessOf(_other: PlatformFile): void {
    this.#assertOpen()
  }

  resize(size: number): void {
    this.#assertWritable()
    checkOffset('size', size)
    this.#checkSize(size)
    const { file, size: from } = this.#content
    this.#disk.observe({ kind: 'resize', file, from, to: size })
    this.#content.resize(size)
  }

  allocate(offset: number, length: number): void {
    this.#assertWritable()
    checkRange(offset, length)
    this.#checkSize(offset + length)
    this.#disk.observe({ kind: 'allocate', file: this.#content.file, offset, length })
    if (offset + length > this.#content.size) this.#content.resize(offset + length)
  }

  read(target: Uint8Array, offset: number): number {
    this.#assertOpen()
    checkRange(offset, target.byteLength)
    return this.#content.read(target, offset)
  }

  store(bytes: Uint8Array, offset: number): void {
    this.#assertWritable()
    this.#store(bytes, offset, false)
  }

  /** Each piece is an event of its own, so a crash may come between any two. */
  storeWindow(): StoreWindow {
    this.#assertWritable()
    return {
      // Small stores of tests use both ways.
      pagesMin: 2,
      store: (pieces: Pieces) => {
        for (let i = 0; i < pieces.count; i++) {
          const end = pieces.endOf(i)
          if (end > this.size()) throw truncatedError(this.path, end, this.size())
          this.store(pieces.bytesOf(i), pieces.offsetOf(i))
        }
      },
      clear: () => undefined,
    }
  }

  sync(): void {
    this.#assertOpen()
    this.#disk.beginSync(this.#content.file)()
  }

  syncAsync(): Promise<void> {
    this.#assertOpen()
    const { file } = this.#content
    const done = this.#lastSync.then(async () => {
      const end = this.#disk.beginSync(file)
      await new Promise<void>(resolve => setImmediate(resolve))
      end()
    })
    this.#lastSync = done.catch(() => undefined)
    return done
  }

  async writeBack(offset: number, length: number): Promise<void> {
    this.#assertOpen()
    checkRange(offset, length)
  }

  tryLock(byte: number, kind: LockKind): boolean {
    this.#assertOpen()
    checkOffset('byte', byte)
    return this.#content.tryLock(this, byte, kind)
  }

  unlock(byte: number): void {
    this.#assertOpen()
    this.#content.unlock(this, byte)
  }

  isLocked(byte: number): boolean {
    this.#assertOpen()
    checkOffset('byte', byte)
    return this.#content.isLocked(this, byte)
  }

  sharedWords(offset: number, count: number): SharedWords {
    this.#assertOpen()
    checkRange(offset, count * 4)
    const end = offset + count * 4
    if (this.#content.size < end) throw truncatedError(this.path, end, this.#content.size)
    const word = new Int32Array(1)
    const bytes = new Uint8Array(word.buffer)
    let closed = false
    const assertOpen = (): void => {
      if (closed) throw closedError(this.path)
      this.#assertOpen()
    }
    return {
      load: index => {
        assertOpen()
        if (this.#content.read(bytes, offset + index * 4) < 4)
          throw truncatedError(this.path, end, this.#content.size)
        return word[0] as number
      },
      mapped: () => {
        assertOpen()
        return undefined
      },
      store: (index, value) => {
        assertOpen()
        this.#assertWritable()
        word[0] = value
        this.#store(bytes, offset + index * 4, true)
      },
      close: () => {
        closed = true
      },
    }
  }

  reserve(capacity: number): Region {
    this.#assertOpen()
    const region = new SimulatedRegion(this.path, this.#content, capacity)
    this.#regions.add(region)
    return region
  }

  readAhead(offset: number, length: number): void {
    this.#assertOpen()
    checkRange(offset, length)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#content.unlockAll(this)
    for (const region of this.#regions) region.release()
  }

  #store(bytes: Uint8Array, offset: number, mapped: boolean): void {
    checkRange(offset, bytes.byteLength)
    this.#checkSize(offset + bytes.byteLength)
    this.#disk.observe({ kind: 'store', file: this.#content.file, offset, bytes, mapped })
    this.#content.store(bytes, offset)
  }

  #checkSize(size: number): void {
    if (size <= SIZE_MAX) return
    throw new StrideError('ERR_STRIDE_NO_SPACE', `${size} bytes do not fit into memory: ${this.path}`, {
      path: this.path,
    })
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError(this.path)
  }

  #assertWritable(): void {
    this.#assertOpen()
    if (this.access === 'read') throw readOnlyError(this.path)
  }
}
