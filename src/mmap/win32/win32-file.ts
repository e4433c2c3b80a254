/**
 * How is a file on Windows opened for mapping? Regions and shared words over it end when it is closed.
 *
 * Windows does not shorten a file that has sections or views. Those of this opener are unmapped for that moment. If another opener has
 * some, the file stays as it is (ERROR_USER_MAPPED_FILE, ERR_STRIDE_BUSY).
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { checkOffset, checkRange } from '../bounds.ts'
import { DiskFile, type LockTable } from '../disk-file.ts'
import { MappedWords } from '../mapped-words.ts'
import type { Access, Region, SharedWords } from '../platform.ts'
import { reserveBlocks, setEnd } from './allocation.ts'
import { FILE_MAP_READ, FILE_MAP_WRITE, FileEndOfFileInfo } from './constants.ts'
import { MappedRegion } from './mapped-region.ts'
import { Sections } from './sections.ts'
import { type ShownPart, ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'
import { win32Error } from './win32-errors.ts'

const ERROR_USER_MAPPED_FILE = 1224

/** A mapping of a part of the file. */
export interface Shown {
  /** Unmaps its view. @returns a function that maps it again, as far as the file reaches then */
  suspend(): () => void
  release(): void
}

export class Win32File extends DiskFile {
  protected override readonly locksApart = true
  readonly #calls: Win32Calls
  #handle: number
  /** @internal */
  readonly sections: Sections
  /** Regions, words and views over the file. They end when it is closed. */
  readonly #shown = new Set<Shown>()

  constructor(calls: Win32Calls, path: string, fd: number, access: Access, locks: LockTable) {
    super(path, fd, access, locks)
    this.#calls = calls
    this.#handle = calls.handleOf(fd)
    this.sections = new Sections(calls, this)
  }

  override size(): number {
    this.assertOpen()
    const size = this.#calls.fileSize(this.#handle)
    if (size < 0) throw win32Error('GetFileSizeEx', -size, this.path)
    return size
  }

  reserve(capacity: number): Region {
    this.assertOpen()
    if (!Number.isSafeInteger(capacity) || capacity <= 0)
      throw new InvariantError(`A region of ${capacity} bytes`)
    const region = new MappedRegion(this.#calls, this, capacity, released => this.#shown.delete(released))
    this.#shown.add(region)
    return region
  }

  sharedWords(offset: number, count: number): SharedWords {
    this.assertOpen()
    let keeping: Shown | undefined
    const words = new MappedWords<ViewRange>(this, offset, count, () => {
      if (keeping !== undefined) this.#shown.delete(keeping)
    })
    const first = offset - (offset % this.granularity)
    keeping = {
      suspend: () => {
        words.endTurn()
        words.memory.hide()
        return () => {
          if (this.size() >= words.shownEnd) words.memory.show(this.#wordsPart(first, words.shownEnd))
        }
      },
      release: () => words.release(),
    }
    this.#shown.add(keeping)
    return words
  }

  /** @internal See mapped-words.ts. */
  get granularity(): number {
    return this.#calls.granularity
  }
  /** @internal */
  showWords(first: number, end: number): ViewRange {
    return ViewRange.over(this.#calls, this.path, this.#wordsPart(first, end))
  }

  /** Registers a mapping of the file. @returns a function that unregisters it */
  keep(shown: Shown): () => void {
    this.#shown.add(shown)
    return () => void this.#shown.delete(shown)
  }

  /** @throws ERR_STRIDE_BUSY if the file would become shorter and another opener maps it; nothing changed */
  override resize(size: number): void {
    this.assertWritable()
    checkOffset('size', size)
    const before = this.size()
    if (size >= before) {
      this.#setEnd(size)
      return
    }
    const resumed = [...this.#shown].map(shown => shown.suspend())
    this.sections.close()
    try {
      this.#setEnd(size)
    } finally {
      for (const resume of resumed) resume()
    }
  }

  /** Does nothing. Windows reads ahead when a mapping is touched, and has no call for a range that is not mapped. */
  readAhead(offset: number, length: number): void {
    this.assertOpen()
    checkRange(offset, length)
  }

  override giveWay(replace: () => void, reopen: () => number): void {
    const resumed = [...this.#shown].map(shown => shown.suspend())
    this.sections.close()
    try {
      super.giveWay(replace, reopen)
    } catch (error) {
      this.#handle = this.#calls.handleOf(this.fd)
      for (const resume of resumed) resume()
      throw error
    }
    for (const shown of [...this.#shown]) shown.release()
  }

  override close(): void {
    for (const shown of [...this.#shown]) shown.release()
    this.sections.close()
    super.close()
  }

  protected override reserveBlocks(offset: number, length: number): boolean {
    return reserveBlocks(this.#calls, this, offset, length)
  }

  #setEnd(size: number): void {
    const result = setEnd(this.#calls, this.fd, FileEndOfFileInfo, size)
    if (result === 0) return
    const error = win32Error('SetFileInformationByHandle', -result, this.path, size)
    if (result !== -ERROR_USER_MAPPED_FILE) throw error
    const message = `${this.path} is not cut to ${size} bytes while another opener, or another process, maps it`
    throw new StrideError('ERR_STRIDE_BUSY', message, {
      path: this.path,
      offset: size,
      syscall: 'SetFileInformationByHandle',
      errno: -result,
      cause: error,
    })
  }

  #wordsPart(first: number, end: number): ShownPart {
    const isRead = this.access === 'read'
    const section = this.sections.reaching(end, isRead ? 'read' : 'readwrite')
    return { section, access: isRead ? FILE_MAP_READ : FILE_MAP_WRITE, offset: first, length: end - first }
  }
}
