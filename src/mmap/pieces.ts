/**
 * Which bytes of memory are stored at which offsets of a file?
 *
 *   PI1  offsets rise, and pieces do not overlap.
 *   PI2  a list holds references. The bytes of a piece may not change until it is stored.
 */

import type { ViewedBytes } from '../runtime/copy-bytes.ts'

/** The longest list. */
const PIECES_MAX = 1024

export class Pieces {
  readonly #offsets = new Float64Array(PIECES_MAX)
  readonly #lengths = new Float64Array(PIECES_MAX)
  readonly #sources: ViewedBytes[] = []
  readonly #starts = new Float64Array(PIECES_MAX)
  count = 0

  /** Adds `length` bytes from `at` in the source, for this offset of the file. The list may not be full. */
  add(source: ViewedBytes, at: number, length: number, offset: number): void {
    const i = this.count++
    this.#sources[i] = source
    this.#starts[i] = at
    this.#lengths[i] = length
    this.#offsets[i] = offset
  }

  get isFull(): boolean {
    return this.count === PIECES_MAX
  }
  sourceOf(i: number): ViewedBytes {
    return this.#sources[i] as ViewedBytes
  }
  /** Where piece i starts in its source. */
  startOf(i: number): number {
    return this.#starts[i] as number
  }
  offsetOf(i: number): number {
    return this.#offsets[i] as number
  }
  lengthOf(i: number): number {
    return this.#lengths[i] as number
  }
  /** File offset past the last byte of piece i. */
  endOf(i: number): number {
    return (this.#offsets[i] as number) + (this.#lengths[i] as number)
  }
  bytesOf(i: number): Uint8Array {
    const start = this.startOf(i)
    return this.sourceOf(i).bytes.subarray(start, start + (this.#lengths[i] as number))
  }

  clear(): void {
    this.count = 0
    this.#sources.length = 0
  }
}
