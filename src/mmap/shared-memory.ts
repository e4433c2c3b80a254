/**
 * Memory with a name and without a file, for processes that work together.
 *
 *   SM1  it exists while a process has it open. The opener that finds none is first: `created`, all zeros.
 *   SM2  what a killed process left behind is no object any more: the next opener is first.
 *   SM3  the memory is the same for all: aligned words work with Atomics.load, store, add across processes.
 */

import { shown } from '../options/shown-value.ts'
import { checkOffset } from './bounds.ts'
import { type MappedView, makeView, unmapAll, type ViewOwner } from './mapped-view.ts'
import type { MappingSystem, SharedObject } from './mapping-system.ts'
import { SHARED_MEMORY, type SharedMemoryOptions } from './options.ts'
import { closedError } from './system-errors.ts'
import { mappingSystem } from './this-system.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/

/** Memory that processes share by its name. It exists as long as a process has it open. */
export class SharedMemory {
  /** The name that it was opened with. */
  readonly name: string
  readonly #object: SharedObject
  readonly #owner: ViewOwner
  #isClosed = false

  private constructor(name: string, system: MappingSystem, object: SharedObject) {
    this.name = name
    this.#object = object
    this.#owner = {
      system,
      source: object.memory,
      access: 'readwrite',
      views: new Set(),
      lastFlush: Promise.resolve(),
    }
  }

  /**
   * Opens the object of this name, or creates it where `size` is given and nobody has it open.
   *
   * On Linux it is /dev/shm/stridedb.<name>, an object of shm_open; on Windows a section with the name
   * Local\\stridedb.<name>, in the page file.
   * @param name letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 200
   * @throws RangeError for a name that is none; {StrideError} ERR_STRIDE_NOT_FOUND (no size, and nobody has it open),
   *   _NAME_TAKEN (something else has the name), _PERMISSION, _NO_SPACE, _BUSY, _NOT_MAPPABLE
   */
  static open(name: string, options?: SharedMemoryOptions): SharedMemory {
    const { size, mode } = SHARED_MEMORY.read(options, 'SharedMemory.open')
    if (typeof name !== 'string') throw new TypeError(`SharedMemory.open takes a name: ${shown(name)}`)
    if (!NAME.test(name)) {
      const rule = "letters, digits, '.', '_' and '-', at most 200, a letter or digit first"
      throw new RangeError(`A name of shared memory has ${rule}: ${shown(name)}`)
    }
    const system = mappingSystem(`shared memory '${name}'`)
    return new SharedMemory(name, system, system.openShared(name, size, mode))
  }

  /** Whether this opener was first, so that it has to initialise the bytes, which are all zero. */
  get created(): boolean {
    return this.#object.created
  }
  /** Bytes. */
  get size(): number {
    return this.#object.size
  }

  /**
   * Part of the memory, to its end where `length` is left out; valid until unmap() or close().
   * @throws RangeError past its end; {StrideError} ERR_STRIDE_CLOSED
   */
  view(offset = 0, length?: number): MappedView {
    if (this.#isClosed) throw closedError(`Shared memory '${this.name}'`)
    checkOffset('offset', offset)
    return makeView(
      this.#owner,
      this.size,
      offset,
      length === undefined ? Math.max(0, this.size - offset) : length,
    )
  }

  /** Ends all views; the last opener's close ends the object. Twice is fine. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    unmapAll(this.#owner)
    this.#object.close()
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
