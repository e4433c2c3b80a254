/**
 * Random access to the bytes of frames, in a journal's file (journal-bytes.ts) or in memory.
 */

import { HeapBytes } from '../staging/heap-bytes.ts'

export interface FrameBytes {
  /** Positions are below this. */
  readonly size: number
  /** The position of the requested bytes in the memory that find() returned last. */
  readonly at: number
  /** Memory that contains the bytes [at, at + length), which are below `size`, in one piece. @throws ERR_STRIDE_CORRUPT, _IO */
  find(at: number, length: number): HeapBytes
  /** The position that find() would set for the same range. */
  atOf(at: number, length: number): number
  /** How many bytes from `at` on find() returns without copying. */
  stretchAt(at: number): number
}

/** Frames in memory. */
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
