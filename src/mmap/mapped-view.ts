/**
 * What is a view? A part of a file, or of shared memory, as bytes that a user holds.
 *
 *   VW1  any offset, any length: the memory begins at the page before, and `bytes` at the byte asked for.
 *   VW2  stores through a 'readwrite' view are seen at once by every other view of the file, in every process, and by plain reads.
 *       They are on the device after flush().
 *   VW3  after unmap(), and after resize() or close() of its mapping, a view throws ERR_STRIDE_CLOSED. A DataView or typed array
 *       that a program kept has no bytes on Node 22 and later, and reads zeros on Node 20, which cannot detach it. It never ends
 *       the process and never shows another file.
 */

import { checkOffset, checkRange, roundDown } from './bounds.ts'
import type { Mappable, MappedMemory, MappingSystem, Residency, ViewAccess } from './mapping-system.ts'
import { closedError, readOnlyError } from './system-errors.ts'

/** What views of one mapping share. */
export interface ViewOwner {
  readonly system: MappingSystem
  readonly source: Mappable
  readonly access: ViewAccess
  readonly views: Set<MappedView>
  /** The last asynchronous flush that was begun. They run one after the other (D5). */
  lastFlush: Promise<void>
}

/** A part of a file, or of shared memory, as memory. Made by `mapping.view()`; ends with `unmap()`, or with `using`. */
export class MappedView {
  readonly #offset: number
  readonly #length: number
  readonly #owner: ViewOwner
  readonly #memory: MappedMemory
  /** Where the view begins in the page-aligned memory. */
  readonly #skew: number
  #bytes: Uint8Array<ArrayBuffer> | undefined
  #dataView: DataView<ArrayBuffer> | undefined

  /** @internal */
  constructor(owner: ViewOwner, offset: number, length: number) {
    const start = roundDown(offset, owner.system.granularity)
    this.#offset = offset
    this.#length = length
    this.#skew = offset - start
    this.#owner = owner
    this.#memory = owner.system.map(owner.source, start, this.#skew + length, owner.access)
    owner.views.add(this)
  }

  /** Where it begins: bytes from the start of the file. */
  get offset(): number {
    return this.#offset
  }
  /** Its length in bytes. */
  get length(): number {
    return this.#length
  }
  /** Whether the view can be used: false after `unmap()`, and after `resize()` or `close()` of its mapping. */
  get isMapped(): boolean {
    return this.#memory.isMapped
  }

  /**
   * The bytes themselves, not a copy; valid until `unmap()`. With access 'read' or 'copy' stores stay in this process, and a page
   * that was stored to no longer shows later changes of the file.
   * @throws {StrideError} ERR_STRIDE_CLOSED
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#assertMapped()
    this.#bytes ??= new Uint8Array(this.#memory.buffer, this.#skew, this.#length)
    return this.#bytes
  }

  /** The same memory as a DataView; valid until unmap(). @throws {StrideError} ERR_STRIDE_CLOSED */
  get dataView(): DataView<ArrayBuffer> {
    this.#assertMapped()
    this.#dataView ??= new DataView(this.#memory.buffer, this.#skew, this.#length)
    return this.#dataView
  }

  /**
   * Returns when the changed pages of the range are on the device. Other pages may be written too. Blocks.
   * @param offset bytes from the start of the view, 0 by default
   * @param length bytes, up to the end of the view by default
   * @throws {StrideError} ERR_STRIDE_CLOSED, _READ_ONLY (access 'read' or 'copy': nothing ever reaches the file), _IO
   * @throws RangeError past the end, TypeError for an argument that is no number
   */
  flush(offset = 0, length?: number): void {
    const bytes = this.#checkFlush(offset, length)
    if (bytes > 0) this.#memory.flush(this.#skew + offset, bytes)
  }

  /** Like `flush()`, but off the event loop. Asynchronous flushes of one mapping run one after the other. @throws as `flush` */
  async flushAsync(offset = 0, length?: number): Promise<void> {
    const bytes = this.#checkFlush(offset, length)
    if (bytes === 0) return
    const flushed = this.#owner.lastFlush.then(() => {
      this.#assertMapped()
      return this.#memory.flushAsync(this.#skew + offset, bytes)
    })
    this.#owner.lastFlush = flushed.catch(() => undefined)
    await flushed
  }

  /**
   * How many of the view's pages are in memory now. On Linux and macOS that is the system's cache, whichever process read the page;
   * on Windows it is this process. The system reads ahead: touching one byte may bring in megabytes around it, also after the touch
   * has returned. For a file that this process may not write, Linux says that all pages are in memory.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _IO
   */
  residency(): Residency {
    this.#assertMapped()
    return this.#memory.residency(this.#skew, this.#length)
  }

  /**
   * Brings the view into memory and keeps it there until `unlock()` or `unmap()`.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _LIMIT (the system lets this process lock no more), _IO
   */
  lock(): void {
    this.#assertMapped()
    this.#memory.lock(this.#skew, this.#length)
  }

  /** Lets the system evict the view's pages again. @throws {StrideError} ERR_STRIDE_CLOSED, _IO */
  unlock(): void {
    this.#assertMapped()
    this.#memory.unlock(this.#skew, this.#length)
  }

  /**
   * Ends the view. `bytes` and `dataView` that were taken before have no bytes from now on, or zeros on Node 20. Changed bytes still
   * reach the file, when the system writes them. Idempotent.
   */
  unmap(): void {
    this.#owner.views.delete(this)
    this.#bytes = undefined
    this.#dataView = undefined
    this.#memory.unmap()
  }

  /** `unmap()`, for `using`. */
  [Symbol.dispose](): void {
    this.unmap()
  }

  /** @returns the bytes to flush: up to the end of the view where no length was given */
  #checkFlush(offset: number, length: number | undefined): number {
    this.#assertMapped()
    if (this.#owner.access !== 'readwrite') throw readOnlyError(this.#owner.source.path)
    checkOffset('offset', offset)
    if (length !== undefined) checkOffset('length', length)
    const bytes = length === undefined ? this.#length - offset : length
    if (bytes < 0 || offset + bytes > this.#length) {
      throw new RangeError(`[${offset}, ${offset + bytes}) reaches past a view of ${this.#length} bytes`)
    }
    return bytes
  }

  #assertMapped(): void {
    if (!this.#memory.isMapped)
      throw closedError(`A view of ${this.#owner.source.path} at offset ${this.#offset}`)
  }
}

/** Makes a view of [offset, offset + length) of something that has `size` bytes. @throws RangeError */
export function makeView(owner: ViewOwner, size: number, offset: number, length: number): MappedView {
  checkRange(offset, length)
  if (length === 0 || offset + length > size) {
    throw new RangeError(
      `A view lies within ${size} bytes and has at least one: offset ${offset}, length ${length}`,
    )
  }
  return new MappedView(owner, offset, length)
}

export function unmapAll(owner: ViewOwner): void {
  for (const view of [...owner.views]) view.unmap()
}
