/**
 * How does a program map a file by itself? Any number of views, of any part of it.
 *
 *   FM1  stores to a 'readwrite' view change the file; 'read' and 'copy' views are private to the process and never change it.
 *   FM2  with a size, the file grows to it with blocks allocated, or nothing changes. Size 0 or none is the file's own.
 *   FM3  close() ends all views; bytes stored through them reach the file all the same.
 * Records, commits and recovery are the engine's. A crash may leave any mixture of old and new pages here.
 */

import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { StrideError } from '../errors.ts'
import { checkPath } from '../options/shown-value.ts'
import { checkOffset, checkRange } from './bounds.ts'
import { exists } from './disk-folder.ts'
import { type MappedView, makeView, unmapAll, type ViewOwner } from './mapped-view.ts'
import type { MappingSystem, ViewAccess } from './mapping-system.ts'
import { FILE_MAPPING, type FileMappingOptions } from './options.ts'
import type { PlatformFile } from './platform.ts'
import { closedError, readOnlyError, truncatedError } from './system-errors.ts'
import { mappingSystem } from './this-system.ts'

/** A file whose parts can be mapped. Its views end when it is closed. */
export class FileMapping {
  readonly #file: PlatformFile
  readonly #owner: ViewOwner
  #size: number
  #isClosed = false

  private constructor(system: MappingSystem, file: PlatformFile, access: ViewAccess, size: number) {
    this.#size = size
    this.#file = file
    this.#owner = { system, source: file, access, views: new Set(), lastFlush: Promise.resolve() }
  }

  /**
   * Opens a file for mapping. Nothing is read, and no memory is used, until a view is touched.
   *
   * @param path the file; with `temporary` its folder, or undefined for the system's temporary folder
   * @throws {StrideError} ERR_STRIDE_NOT_FOUND, _IS_DIRECTORY, _PERMISSION, _EMPTY_FILE, _READ_ONLY (`size` is larger than the file
   *   and access is not 'readwrite'; the file is unchanged), _NO_SPACE, _NOT_MAPPABLE, _IO
   * @throws TypeError, RangeError for an invalid path or invalid options
   */
  static open(path: string | undefined, options?: FileMappingOptions): FileMapping {
    const given = FILE_MAPPING.read(options, 'FileMapping.open')
    const { size, temporary, mode, access = temporary ? 'readwrite' : 'read' } = given
    if (temporary && path === undefined) return openTemporary(tmpdir(), size, access, mode)
    checkPath(path, 'FileMapping.open')
    if (temporary) return openTemporary(path, size, access, mode)
    const system = mappingSystem(path)
    const created = access === 'readwrite' && size > 0 ? createIfMissing(system, path, mode) : undefined
    const file =
      created ?? system.open(path, { access: access === 'readwrite' ? 'readwrite' : 'read', create: 'never' })
    try {
      return new FileMapping(system, file, access, settleSize(file, access, size))
    } catch (error) {
      file.close()
      if (created !== undefined) fs.rmSync(path, { force: true })
      throw error
    }
  }

  /** @internal */
  static over(system: MappingSystem, file: PlatformFile, access: ViewAccess, size: number): FileMapping {
    return new FileMapping(system, file, access, size)
  }

  /** The file, as it was given at opening. Answers after close, too. */
  get path(): string {
    return this.#file.path
  }
  /** The access that it was opened with, which its views have. */
  get access(): ViewAccess {
    return this.#owner.access
  }
  /** Bytes that views can reach. */
  get size(): number {
    return this.#size
  }

  /**
   * A part of the file as memory. Views may have any offset and length, and may overlap. A view is valid until its `unmap()`, or
   * `resize()` or `close()` of the mapping.
   * @param offset bytes from the start of the file, 0 by default
   * @param length bytes, 1 or more; up to the end by default
   * @throws {StrideError} ERR_STRIDE_CLOSED, _TRUNCATED (the file became shorter), _LIMIT (more than 4 GiB on Node 20, or too many
   *   mappings), _NO_SPACE (no address space), _IO
   * @throws RangeError past the end, TypeError for an argument that is no number
   */
  view(offset = 0, length?: number): MappedView {
    this.#assertOpen()
    checkOffset('offset', offset)
    const wanted = length === undefined ? Math.max(0, this.#size - offset) : length
    checkRange(offset, wanted)
    const fileSize = this.#file.size()
    const needed = Math.min(this.#size, offset + wanted)
    if (fileSize < needed) throw truncatedError(this.path, needed, fileSize)
    return makeView(this.#owner, this.#size, offset, wanted)
  }

  /**
   * Sets the size of the file and of the mapping. All views end first. If it throws, the size is as before.
   * @param size bytes, 1 or more
   * @throws {StrideError} ERR_STRIDE_READ_ONLY, _CLOSED, _NO_SPACE, _IO, _BUSY (another opener in this thread shows bytes beyond the
   *   new size; other threads and processes are not noticed)
   * @throws RangeError, TypeError for an invalid size
   */
  resize(size: number): void {
    this.#assertOpen()
    checkOffset('size', size)
    if (size === 0) throw new RangeError('A mapping has at least one byte: size 0')
    const file = this.#file
    if (this.access !== 'readwrite') throw readOnlyError(this.path)
    unmapAll(this.#owner)
    const before = file.size()
    if (size > before) file.allocate(before, size - before)
    else file.resize(size)
    this.#size = size
  }

  /** Ends all views and closes the file. Stored bytes reach the file all the same. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    unmapAll(this.#owner)
    this.#file.close()
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError(this.path)
  }
}

/** Undefined if the file exists, even if another process has created it meanwhile: this call must not remove it on failure. */
function createIfMissing(system: MappingSystem, path: string, mode: number): PlatformFile | undefined {
  if (exists(path)) return undefined
  try {
    return system.open(path, { access: 'readwrite', create: 'always', mode })
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_EXISTS') return undefined
    throw error
  }
}

function openTemporary(place: string, size: number, access: ViewAccess, mode: number): FileMapping {
  if (access !== 'readwrite')
    throw new TypeError(`A temporary file is for reading and writing: access '${access}'`)
  const system = mappingSystem(place)
  if (size === 0)
    throw new StrideError('ERR_STRIDE_EMPTY_FILE', `A temporary file takes a size: ${place}`, { path: place })
  const file = system.openTemporary(place, mode)
  try {
    file.allocate(0, size)
    return FileMapping.over(system, file, access, size)
  } catch (error) {
    file.close()
    throw error
  }
}

/** How many bytes are mapped. Grows the file if the size asks for it. */
function settleSize(file: PlatformFile, access: ViewAccess, size: number): number {
  const fileSize = file.size()
  const { path } = file
  if (size === 0) {
    if (fileSize > 0) return fileSize
    throw new StrideError('ERR_STRIDE_EMPTY_FILE', `${path} is empty and no size was given`, { path })
  }
  if (size > fileSize) {
    if (access !== 'readwrite') {
      const message = `${path} has ${fileSize} bytes and is not opened for writing: a size of ${size} would extend it`
      throw new StrideError('ERR_STRIDE_READ_ONLY', message, { path })
    }
    file.allocate(fileSize, size - fileSize)
  }
  return size
}
