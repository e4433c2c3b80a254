/**
 * How does a region show a file that is not mapped? point() reads the bytes into a buffer of the heap.
 *
 * The bytes are a copy from the moment of point(). A file that is too short is ERR_STRIDE_TRUNCATED, never a signal.
 */

import type { Region } from '../platform.ts'
import { closedError, truncatedError } from '../system-errors.ts'

interface ReadableFile {
  readonly path: string
  size(): number
  read(target: Uint8Array, offset: number): number
}

export class CopiedRegion implements Region {
  readonly live = false
  readonly capacity: number
  readonly pageBytes = 4096
  readonly #file: ReadableFile
  #bytes: Uint8Array<ArrayBuffer>

  constructor(file: ReadableFile, capacity: number) {
    this.#file = file
    this.capacity = capacity
    this.#bytes = new Uint8Array(capacity)
  }

  get buffer(): ArrayBuffer {
    return this.#bytes.buffer
  }

  point(offset: number, length: number): void {
    if (this.#bytes.length < length) throw closedError(this.#file.path)
    const count = this.#file.read(this.#bytes.subarray(0, length), offset)
    if (count < length) throw truncatedError(this.#file.path, offset + length, offset + count)
  }

  /** The bytes are copied already, so there is nothing to advise or populate. */
  advise(): void {}
  populate(): void {}
  async populateAsync(): Promise<void> {}

  residentPages(at: number, length: number): number {
    return Math.ceil((at + length) / this.pageBytes) - Math.floor(at / this.pageBytes)
  }

  clear(): void {}

  release(): void {
    this.#bytes = new Uint8Array(0)
  }
}
