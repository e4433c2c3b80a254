/**
 * How do windows work if nothing is mapped? They are copies, read when they are acquired.
 *
 *   WC1  an acquire without `ahead` reads exactly its bytes each time, since another process may have changed them after an earlier
 *        copy.
 *   WC2  an acquire with `ahead` reads a chunk. The walk reads from it until the turn of the event loop ends, expire() is called, or
 *        bytes are stored over it.
 *   WC3  a few buffers are used in turn. A token ends when its buffer is read into again.
 * Windows that show the file itself: live-windows.ts.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { checkRange, checkWantedItem } from '../bounds.ts'
import { atTurnEnd } from '../event-loop-turn.ts'
import type { PlatformFile, Region } from '../platform.ts'
import { closedError, truncatedError } from '../system-errors.ts'
import { coalesce, type ReadRange } from './read-ahead.ts'
import { ShownWindow } from './shown-window.ts'
import type { Window, WindowOptions, WindowPool, WindowStats } from './window.ts'

const COPIES = 8
const CHUNK_BYTES_MAX = 256 * 1024
/** How much prefetch reads with one call. */
const ASK_BYTES_MAX = 8 * 1024 * 1024

/** One buffer, and the token on its present content. */
class Copy {
  region: Region | undefined
  token: ShownWindow | undefined
  isChunk = false
  pins = 0
  #view: DataView | undefined
  #bytes: Buffer | undefined

  read(file: PlatformFile, start: number, length: number, isChunk: boolean): ShownWindow {
    this.end()
    if (this.region === undefined || this.region.capacity < length) {
      this.region?.release()
      this.region = undefined
      this.region = file.reserve(2 ** Math.ceil(Math.log2(Math.max(64, length))))
      this.#view = undefined
    }
    this.region.point(start, length)
    if (this.#view?.byteLength !== length) {
      this.#view = new DataView(this.region.buffer, 0, length)
      this.#bytes = Buffer.from(this.region.buffer, 0, length)
    }
    this.isChunk = isChunk
    this.token = new ShownWindow(this.#view as DataView, this.#bytes as Buffer, start, start + length, this)
    return this.token
  }

  end(): void {
    if (this.token !== undefined) this.token.view = null
    this.token = undefined
  }

  release(): void {
    this.end()
    this.region?.release()
    this.region = undefined
    this.#view = undefined
    this.#bytes = undefined
  }
}

export class CopiedWindows implements WindowPool {
  readonly live = false
  readonly #file: PlatformFile
  readonly #options: WindowOptions
  readonly #chunkBytes: number
  readonly #copies: Copy[] = []
  #next = 0
  #end = 0
  #reads = 0
  #isTurnOpen = false
  #isClosed = false

  constructor(file: PlatformFile, options: WindowOptions) {
    this.#file = file
    this.#options = options
    const share = Math.floor(options.mappedBytesMax / COPIES)
    this.#chunkBytes = Math.max(options.itemBytesMax, Math.min(CHUNK_BYTES_MAX, options.windowBytes, share))
  }

  acquire(offset: number, length: number, ahead?: number): Window {
    this.#assertOpen()
    const { itemBytesMax } = this.#options
    checkWantedItem(offset, length, { end: this.#end, itemBytesMax, path: this.#file.path })
    if (!this.#isTurnOpen) this.checkSize()
    if (ahead === undefined || ahead <= length) return this.#read(offset, length, false)
    for (const { token, isChunk } of this.#copies) {
      if (isChunk && token !== undefined && offset >= token.start && offset + length <= token.end) return token
    }
    const chunk = Math.max(length, Math.min(ahead, this.#chunkBytes, this.#end - offset))
    return this.#read(offset, chunk, true)
  }

  checkSizeOnce(): void {
    if (!this.#isTurnOpen) this.checkSize()
  }

  checkSize(): void {
    this.#assertOpen()
    const size = this.#file.size()
    if (size < this.#end) {
      this.endTurn()
      throw truncatedError(this.#file.path, this.#end, size)
    }
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    atTurnEnd(this)
  }

  setEnd(end: number): void {
    this.#assertOpen()
    checkRange(0, end)
    this.#end = end
    for (const copy of this.#copies) if (copy.token !== undefined && copy.token.end > end) copy.end()
  }

  expire(): void {
    for (const copy of this.#copies) copy.end()
  }

  watch(): void {}

  pin(window: Window): void {
    const copy = copyOf(window)
    if (copy === undefined) throw closedError(`a window of ${this.#file.path} at offset ${window.start}`)
    copy.pins++
  }

  unpin(window: Window): void {
    const copy = window instanceof ShownWindow ? window.origin : undefined
    if (copy instanceof Copy && copy.pins > 0) copy.pins--
  }

  store(bytes: Uint8Array, offset: number): void {
    this.#assertOpen()
    this.#file.store(bytes, offset)
    const end = offset + bytes.byteLength
    for (const copy of this.#copies) {
      if (copy.token !== undefined && copy.token.start < end && offset < copy.token.end) copy.end()
    }
  }

  readonly piecesFrom = Number.POSITIVE_INFINITY
  storePieces(): void {
    throw new InvariantError('Nothing is mapped here')
  }

  async prefetch(ranges: readonly ReadRange[]): Promise<void> {
    this.#assertOpen()
    for (const { offset, length } of coalesce(ranges)) {
      for (let done = 0; done < length; done += ASK_BYTES_MAX) {
        if (this.#isClosed) return
        this.#file.readAhead(offset + done, Math.min(ASK_BYTES_MAX, length - done))
        await new Promise<void>(resolve => setImmediate(resolve))
      }
    }
  }

  readAhead(offset: number, length: number): void {
    this.#assertOpen()
    this.#file.readAhead(offset, length)
  }

  isResident(): boolean {
    return true
  }

  trim(): void {
    this.#assertOpen()
    for (const copy of this.#copies) if (copy.pins === 0) copy.release()
  }

  stats(): WindowStats {
    const shown = this.#copies.filter(copy => copy.token !== undefined)
    const bytes = shown.reduce(
      (sum, { token }) => sum + (token as ShownWindow).end - (token as ShownWindow).start,
      0,
    )
    return { windows: shown.length, mappedBytes: bytes, residentBytes: bytes, slides: this.#reads }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const copy of this.#copies) copy.release()
  }

  /** @internal See event-loop-turn.ts. */
  endTurn(): void {
    this.#isTurnOpen = false
    for (const copy of this.#copies) copy.end()
  }

  #read(offset: number, length: number, isChunk: boolean): Window {
    this.#reads++
    return this.#nextCopy().read(this.#file, offset, length, isChunk)
  }

  /** The next buffer in turn; a new one if all are pinned. */
  #nextCopy(): Copy {
    if (this.#copies.length >= COPIES) {
      for (let tried = 0; tried < this.#copies.length; tried++) {
        this.#next = (this.#next + 1) % this.#copies.length
        const copy = this.#copies[this.#next] as Copy
        if (copy.pins === 0) return copy
      }
    }
    const copy = new Copy()
    this.#copies.push(copy)
    return copy
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new StrideError('ERR_STRIDE_CLOSED', `${this.#file.path} is closed`, { path: this.#file.path })
  }
}

function copyOf(window: Window): Copy | undefined {
  const copy = window instanceof ShownWindow && window.view !== null ? window.origin : undefined
  return copy instanceof Copy ? copy : undefined
}
