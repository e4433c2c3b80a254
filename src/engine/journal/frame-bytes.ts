/**
 * Where are the bytes of frames read from? A journal's file (journal-bytes.ts), or memory that holds all of them.
 */

import { HeapBytes } from '../staging/heap-bytes.ts'

export interface FrameBytes {
  /** Positions are below this. */
  readonly size: number
  /** Where the bytes that find() was asked for begin in the memory that it returned last. */
  readonly at: number
  /** Memory that holds the bytes [at, at + length) side by side; they are below `size`. @throws ERR_STRIDE_CORRUPT, _IO */
  find(at: number, length: number): HeapBytes
  /** Where the bytes of the same range begin in the memory that find() returns for it. */
  atOf(at: number, length: number): number
  /** How many bytes from `at` on find() returns without copying. */
  stretchAt(at: number): number
}

/** Memory as it is. */
export class WholeBytes implements FrameBytes {
  readonly size: number
  readonly #memory: HeapBytes
  at = 0

  constructor(bytes: Buffer) {
    this.#memory = new HeapBytes(bytes)
    this.size = bytes.length
  }

  find(at: number): HeapBytes {
    this.at = at
    return this.#memory
  }
  atOf(at: number): number {
    return at
  }
  stretchAt(at: number): number {
    return this.size - at
  }
}
