/**
 * How do processes share memory that has a name and no file?
 *
 *   SM1  an object exists while a process has it open. The opener that finds none creates it: `created` is true, all bytes are zero.
 *   SM2  an object that only killed processes had open counts as absent: the next opener creates it.
 *   SM3  all openers see the same memory: aligned words work with Atomics.load, store and add across processes.
 */

import { shown } from '../options/shown-value.ts'
import { checkOffset } from './bounds.ts'
import { type MappedView, makeView, unmapAll, type ViewOwner } from './mapped-view.ts'
import type { MappingSystem, SharedObject } from './mapping-system.ts'
import { SHARED_MEMORY, type SharedMemoryOptions } from './options.ts'
import { closedError } from './system-errors.ts'
import { mappingSystem } from './this-system.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/

/** Memory that processes share by name. It exists as long as a process has it open. */
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
   * Opens the object of this name, or creates it if `size` is given and no process has it open.
   *
   * On Linux it is /dev/shm/stridedb.<name>, an object of shm_open; on Windows a section with the name
   * Local\\stridedb.<name>, in the page file.
   * @param name 1 to 200 letters, digits, '.', '_' and '-', beginning with a letter or digit
   * @throws {StrideError} ERR_STRIDE_NOT_FOUND (no process has it open, and no size is given), _NAME_TAKEN (an object of another kind
   *   has the name), _PERMISSION, _NO_SPACE, _BUSY, _NOT_MAPPABLE
   * @throws RangeError, TypeError for an invalid name or invalid options
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

  /** Whether this call created the object. Its bytes are then zero, and this process has to initialise them. */
  get created(): boolean {
    return this.#object.created
  }
  /** Bytes of the object. */
  get size(): number {
    return this.#object.size
  }

  /**
   * A part of the memory. Valid until its `unmap()`, or `close()` of the object.
   * @param offset bytes from the start, 0 by default
   * @param length bytes, 1 or more; up to the end by default
   * @throws {StrideError} ERR_STRIDE_CLOSED, _LIMIT, _NO_SPACE (no address space)
   * @throws RangeError past the end, TypeError for an argument that is no number
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

  /** Ends all views. The object ends when its last opener closes it. Idempotent. */
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
