/**
 * How do processes share memory that has a name and no file?
 *
 *   SM1  an object exists while a process has it open. The opener that finds none creates it: `created` is true, all bytes are zero.
 *   SM2  an object that only killed processes had open counts as absent: the next opener creates it.
 *   SM3  all openers see the same memory: aligned words work with Atomics.load, store and add across processes.
 *   SM4  no opener returns before the memory is initialised (shared-initializing.ts).
 * Records of a schema in such memory: engine/shared-memory/.
 */

import { StrideError } from '../errors.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import { Deadline } from '../runtime/monotonic.ts'
import { checkOffset } from './bounds.ts'
import { type MappedView, makeView, unmapAll, type ViewOwner } from './mapped-view.ts'
import type { MappingSystem, SharedObject } from './mapping-system.ts'
import { type Initialize, SHARED_MEMORY, type SharedMemoryOptions } from './options.ts'
import {
  type Initializing,
  initializeShared,
  initializeSharedAsync,
  refuseWithinInitialize,
} from './shared-initializing.ts'
import { TRAILER_BYTES } from './shared-trailer.ts'
import { closedError } from './system-errors.ts'
import { mappingSystem } from './this-system.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/
/** Larger sizes have no safe offset behind them. */
const SIZE_MAX = 2 ** 52
const POLL_MS = 1
/** How long an opener waits at least while another one creates or removes the object, which takes as long as zeroing the memory. */
const PATIENCE_MS = 10_000

/** Shared memory to be opened elsewhere, from `shared.share()`. It is a plain object: `postMessage`, `workerData` and JSON carry it. */
export interface SharedMemoryHandle {
  /** The name of the object. */
  readonly name: string
  /** Which object of this name it is. */
  readonly id: string
}

/** The object behind shared memory. Only for the library. */
export let sharedObjectOf: (shared: SharedMemory) => SharedObject

/** Memory that processes share by name. It exists as long as a process has it open. */
export class SharedMemory {
  readonly #object: SharedObject
  readonly #owner: ViewOwner
  #initialized = false
  #isClosed = false

  private constructor(system: MappingSystem, object: SharedObject) {
    this.#object = object
    this.#owner = {
      system,
      source: object.memory,
      access: 'readwrite',
      views: new Set(),
      lastFlush: Promise.resolve(),
    }
  }

  static {
    sharedObjectOf = shared => {
      shared.#assertOpen()
      return shared.#object
    }
  }

  /**
   * Opens the object of this name, or creates it if `size` is given and no process has it open. Blocks while another opener initialises
   * it.
   *
   * On Linux it is /dev/shm/stridedb.<name>, an object of shm_open; on Windows a section with the name
   * Local\\stridedb.<name>, in the page file.
   * @param name 1 to 200 letters, digits, '.', '_' and '-', beginning with a letter or digit
   * @throws {StrideError} ERR_STRIDE_NOT_FOUND (no process has it open, and no size is given), _NAME_TAKEN (an object of another kind
   *   has the name), _PERMISSION, _NO_SPACE, _BUSY (not initialised within `lockTimeoutMs`), _NOT_MAPPABLE
   * @throws RangeError, TypeError for a name or options that cannot be meant, and inside `initialize` of the same name; whatever
   *   `initialize` throws, after which the memory is not initialised
   */
  static open(name: string, options?: SharedMemoryOptions): SharedMemory {
    const { size, mode, initialize, lockTimeoutMs } = SHARED_MEMORY.read(options, 'SharedMemory.open')
    const system = systemFor(name, size, 'SharedMemory.open')
    const isInitialized = initialize === undefined
    const object = system.openShared(name, { size, mode, isInitialized, patienceMs: PATIENCE_MS })
    const shared = new SharedMemory(system, object)
    shared.#during(opener => {
      shared.#initialized = initializeShared(opener, lockTimeoutMs)
    }, initialize)
    return shared
  }

  /**
   * Like `open`, but does not block the event loop while another opener creates or initialises the object.
   * @throws as `open`
   */
  static async openAsync(name: string, options?: SharedMemoryOptions): Promise<SharedMemory> {
    const { size, mode, initialize, lockTimeoutMs } = SHARED_MEMORY.read(options, 'SharedMemory.openAsync')
    const system = systemFor(name, size, 'SharedMemory.openAsync')
    const deadline = new Deadline(PATIENCE_MS)
    const request = { size, mode, isInitialized: initialize === undefined, patienceMs: 0 }
    for (;;) {
      const object = openedAtOnce(() => system.openShared(name, request), deadline.isOver)
      if (object !== undefined) {
        const shared = new SharedMemory(system, object)
        await shared.#duringAsync(async opener => {
          shared.#initialized = await initializeSharedAsync(opener, lockTimeoutMs)
        }, initialize)
        return shared
      }
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }

  /**
   * Opens the object of a handle, in a worker thread or another process, with a mapping of its own.
   * @throws {StrideError} ERR_STRIDE_NOT_FOUND (it was closed everywhere, or lost its name), and what `open` throws
   * @throws TypeError for a value that is no handle
   */
  static fromHandle(handle: SharedMemoryHandle): SharedMemory {
    const given: unknown = handle
    if (!isPlainObject(given) || typeof given.name !== 'string' || typeof given.id !== 'string')
      throw new TypeError(`SharedMemory.fromHandle takes what share() returned: ${shown(given)}`)
    const { name, id } = given
    const shared = SharedMemory.open(name)
    if (shared.#object.id === id) return shared
    shared.close()
    throw new StrideError('ERR_STRIDE_NOT_FOUND', `Shared memory '${name}' is another object now`)
  }

  /**
   * Opens the object of a descriptor that this process inherited: see `descriptor`. It needs no name. The descriptor stays open, and
   * stays the caller's.
   * @throws {StrideError} ERR_STRIDE_NOT_MAPPABLE (the descriptor belongs to something else, or Windows), _NOT_FOUND, _IO
   * @throws TypeError, RangeError for a value that is no descriptor
   */
  static fromDescriptor(descriptor: number): SharedMemory {
    checkOffset('descriptor', descriptor)
    const what = `shared memory of descriptor ${descriptor}`
    const system = mappingSystem(what)
    const open = system.sharedFromDescriptor
    if (open === undefined)
      throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `This system hands over no descriptors: ${what}`, {
        path: what,
      })
    const shared = new SharedMemory(system, open(descriptor))
    shared.#during(opener => initializeShared(opener, PATIENCE_MS), undefined)
    return shared
  }

  /**
   * Removes a name. Whoever has the object open keeps the memory; the next opener of the name finds none.
   * @returns false if no object has the name
   * @throws {StrideError} ERR_STRIDE_BUSY (Windows: an open object keeps its name), _NAME_TAKEN, _PERMISSION, _NOT_MAPPABLE
   * @throws RangeError, TypeError for an invalid name
   */
  static unlink(name: string): boolean {
    return systemFor(name, undefined, 'SharedMemory.unlink').unlinkShared(name)
  }

  /** The name that it was opened with. */
  get name(): string {
    return this.#object.name
  }
  /** Whether this call created the object. Its bytes are then zero, and this process has to initialise them, if not by `initialize`. */
  get created(): boolean {
    return this.#object.created
  }
  /** Whether this call ran `initialize`. That need not be the creator: if the creator dies inside `initialize`, another one runs it. */
  get initialized(): boolean {
    return this.#initialized
  }
  /** Bytes of the object. */
  get size(): number {
    return this.#object.size
  }
  /**
   * A descriptor for the `stdio` of a child process, which opens it with `SharedMemory.fromDescriptor(3)`. Valid until `close()`.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _NOT_MAPPABLE (Windows, where a child opens the handle of `share()`)
   */
  get descriptor(): number {
    this.#assertOpen()
    const { descriptor, name } = this.#object
    if (descriptor !== undefined) return descriptor
    throw new StrideError(
      'ERR_STRIDE_NOT_MAPPABLE',
      `This system hands over no descriptors: shared memory '${name}'`,
    )
  }

  /** A handle with which a worker thread or another process opens the same memory. @throws {StrideError} ERR_STRIDE_CLOSED */
  share(): SharedMemoryHandle {
    this.#assertOpen()
    const { name, id } = this.#object
    return { name, id }
  }

  /**
   * A part of the memory. Valid until its `unmap()`, or `close()` of the object.
   * @param offset bytes from the start, 0 by default
   * @param length bytes, 1 or more; up to the end by default
   * @throws {StrideError} ERR_STRIDE_CLOSED, _LIMIT, _NO_SPACE (no address space)
   * @throws RangeError past the end, TypeError for an argument that is no number
   */
  view(offset = 0, length?: number): MappedView {
    this.#assertOpen()
    checkOffset('offset', offset)
    return makeView(
      this.#owner,
      this.size,
      offset,
      length === undefined ? Math.max(0, this.size - offset) : length,
    )
  }

  /** Ends all views. The object ends when its last opener closes it. Twice is fine. */
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

  #assertOpen(): void {
    if (this.#isClosed) throw closedError(`Shared memory '${this.name}'`)
  }

  /** Runs `wait` with the object's page mapped. Closes the object if it throws. */
  #during(wait: (opener: Initializing) => void, initialize: Initialize | undefined): void {
    try {
      const opener = this.#opener(initialize)
      try {
        wait(opener)
      } finally {
        opener.page.unmap()
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  async #duringAsync(
    wait: (opener: Initializing) => Promise<void>,
    initialize: Initialize | undefined,
  ): Promise<void> {
    try {
      const opener = this.#opener(initialize)
      try {
        await wait(opener)
      } finally {
        opener.page.unmap()
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  #opener(initialize: Initialize | undefined): Initializing {
    const { system, source } = this.#owner
    return {
      name: this.name,
      object: this.#object,
      page: system.map(source, this.#object.trailerOffset, TRAILER_BYTES, 'readwrite'),
      run: initialize && (isDirty => this.#run(initialize, isDirty)),
    }
  }

  #run(initialize: Initialize, isDirty: boolean): unknown {
    const view = this.view()
    try {
      if (isDirty) view.bytes.fill(0)
      return initialize(view)
    } finally {
      view.unmap()
    }
  }
}

function systemFor(name: string, size: number | undefined, call: string): MappingSystem {
  if (typeof name !== 'string') throw new TypeError(`${call} takes a name: ${shown(name)}`)
  if (!NAME.test(name)) {
    const rule = "letters, digits, '.', '_' and '-', at most 200, a letter or digit first"
    throw new RangeError(`A name of shared memory has ${rule}: ${shown(name)}`)
  }
  refuseWithinInitialize(name)
  if (size !== undefined && size > SIZE_MAX)
    throw new StrideError('ERR_STRIDE_NO_SPACE', `No system has ${size} bytes of shared memory: '${name}'`)
  return mappingSystem(`shared memory '${name}'`)
}

/** Undefined while another opener is creating or removing the object. */
function openedAtOnce(open: () => SharedObject, isLast: boolean): SharedObject | undefined {
  try {
    return open()
  } catch (error) {
    if (!isLast && error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY') return undefined
    throw error
  }
}
