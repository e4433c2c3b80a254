/**
 * A view: part of a file, or of shared memory, as bytes in the hands of a user.
 *
 *   VW1  any offset, any length: the memory begins at the page before, and `bytes` at the byte asked for.
 *   VW2  stores through a view of access 'readwrite' are seen by all others of the file at once, in every process,
 *       and by plain reads; on the device they are after flush().
 *   VW3  after unmap(), and after resize() or close() of its mapping, a view throws ERR_STRIDE_CLOSED. What was kept
 *       of it (a DataView, a typed array) has no bytes on Node 22 and later; on Node 20, which cannot take them
 *       away, it reads zeros. It never ends the process and never shows another file.
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
  /** The asynchronous flush that was begun last: they run one after the other (D5). */
  lastFlush: Promise<void>
}

/** Part of a file as memory. Made by `mapping.view()`; ends with unmap(), or with `using`. */
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

  /** First byte, in bytes from the start of the file. */
  get offset(): number {
    return this.#offset
  }
  /** Bytes. */
  get length(): number {
    return this.#length
  }
  /** Whether the view can be used: false after unmap(), and after resize() or close() of its mapping. */
  get isMapped(): boolean {
    return this.#memory.isMapped
  }

  /**
   * The bytes themselves, nothing copied; valid until unmap(). With access 'read' or 'copy' stores stay in this
   * process, and the page stored to no longer shows later changes of the file.
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
   * @param offset bytes from the start of the view
   * @throws {StrideError} ERR_STRIDE_CLOSED, _READ_ONLY (nothing of this view ever reaches the file), _IO; RangeError past the end
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
   * How many of the view's pages are in memory now, whoever brought them there: the system's cache is asked, not what
   * this process touched. The system reads ahead, so that touching one byte may bring in megabytes around it (as many as
   * the device's read-ahead: 8 MiB where this was written), and counts grow after the touch has returned. For a file
   * that this process may not write, Linux answers that all are.
   * @throws {StrideError} ERR_STRIDE_CLOSED
   */
  residency(): Residency {
    this.#assertMapped()
    return this.#memory.residency(this.#skew, this.#length)
  }

  /**
   * Brings the view into memory and keeps it there until unlock() or unmap().
   * @throws {StrideError} ERR_STRIDE_CLOSED; _LIMIT where the system allows this process no more
   */
  lock(): void {
    this.#assertMapped()
    this.#memory.lock(this.#skew, this.#length)
  }

  /** Lets the system evict the view's pages again. @throws {StrideError} ERR_STRIDE_CLOSED */
  unlock(): void {
    this.#assertMapped()
    this.#memory.unlock(this.#skew, this.#length)
  }

  /**
   * Ends the view: `bytes` and `dataView` taken before have no bytes, or zeros, from now on. Changed bytes reach the file all the
   * same, in the system's own time. Twice is fine.
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

  /** @returns how many bytes are meant: to the end of the view where that was left out */
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
