/**
 * A file on Windows that can be mapped: regions and shared words over it end when it is closed.
 *
 * Windows shortens no file of which there are sections or views: those of this opener are unmapped for that moment; where
 * another opener has some, the file stays as it is (ERROR_USER_MAPPED_FILE, ERR_STRIDE_BUSY).
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

/** Something that shows a part of the file in memory. */
export interface Shown {
  /** Takes its view away. @returns how it comes back, as far as the file reaches then */
  suspend(): () => void
  release(): void
}

export class Win32File extends DiskFile {
  protected override readonly locksApart = true
  readonly #calls: Win32Calls
  #handle: number
  /** @internal */
  readonly sections: Sections
  /** Regions, words and views that show the file; they end with it. */
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

  /** Counts something as showing the file until it says that it is released. @returns how it says so */
  keep(shown: Shown): () => void {
    this.#shown.add(shown)
    return () => void this.#shown.delete(shown)
  }

  /** @throws ERR_STRIDE_BUSY where another opener maps the file and it would become shorter; nothing changed */
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

  /** Windows reads ahead for a mapping that is touched; it has no call for a range that is not mapped. */
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
