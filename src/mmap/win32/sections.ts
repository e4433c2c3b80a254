/**
 * Which sections of a file are there? CreateFileMapping makes sections, and views are made from them.
 *
 * A section has the size of the file when it was made, so a grown file gets another one. As long as there is a section, or a view of
 * one, Windows does not shorten the file, so every byte of a section exists.
 */

import { truncatedError } from '../system-errors.ts'
import { PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY } from './constants.ts'
import type { Win32Calls } from './win32-calls.ts'
import { win32Error } from './win32-errors.ts'

export type Protection = 'read' | 'readwrite' | 'copy'

const PROTECTIONS = { read: PAGE_READONLY, readwrite: PAGE_READWRITE, copy: PAGE_WRITECOPY }

interface Section {
  readonly handle: number
  readonly size: number
}

interface SectionedFile {
  readonly fd: number
  readonly path: string
}

export class Sections {
  readonly #calls: Win32Calls
  readonly #file: SectionedFile
  readonly #open = new Map<Protection, Section>()

  constructor(calls: Win32Calls, file: SectionedFile) {
    this.#calls = calls
    this.#file = file
  }

  /** A section that reaches to `end`, valid until the next call. @throws ERR_STRIDE_TRUNCATED, _PERMISSION, _NO_SPACE, _IO */
  reaching(end: number, protection: Protection): number {
    const known = this.#open.get(protection)
    if (known !== undefined && known.size >= end) return known.handle
    const { fd, path } = this.#file
    const size = this.#calls.fileSize(this.#calls.handleOf(fd))
    if (size >= 0 && size < end) throw truncatedError(path, end, size)
    const { handle } = this.#calls.createSection(this.#calls.handleOf(fd), PROTECTIONS[protection], size)
    if (handle < 0) throw win32Error('CreateFileMappingW', -handle, path)
    if (known !== undefined) this.#calls.closeHandle(known.handle)
    this.#open.set(protection, { handle, size })
    return handle
  }

  /** Closes the sections. Views stay mapped. */
  close(): void {
    for (const { handle } of this.#open.values()) this.#calls.closeHandle(handle)
    this.#open.clear()
  }
}
