/**
 * Heap memory for staged records, and what rows and walks may hold of it.
 *
 *   HB1  rows and walks hold a token on the memory, never the memory itself. The next change of anything staged sets the
 *        view of every token to null, so that whoever holds one looks again.
 *   HB2  a change that nobody holds a token across costs one comparison.
 *   HB3  few tokens are out: another one than these ends them all, so that they keep little memory that could be given back.
 * What is kept in the memory: staging.ts, image-slots.ts. The same for windows of the file: mmap/window-pool/window.ts.
 */

import type { RecordBytes } from '../../schema/index.ts'

const TOKENS_MAX = 64

/** Memory that the engine reads from and writes to at once. Whoever keeps it across a change takes a token. */
export class HeapBytes implements RecordBytes {
  readonly view: DataView
  readonly bytes: Buffer
  /** The token that is out, if there is one. */
  token: RecordBytes | undefined = undefined

  /** Memory for one image. Small ones share their memory with others, which costs less to make and to give back. */
  static ofSize(bytes: number): HeapBytes {
    return new HeapBytes(Buffer.allocUnsafe(bytes))
  }

  constructor(bytes: Buffer) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.bytes = bytes
  }
}

/** The tokens that are out. */
export class HeapTokens {
  readonly #memories: HeapBytes[] = []

  /** A token on this memory, good until `end`. */
  on(memory: HeapBytes): RecordBytes {
    if (memory.token === undefined) {
      if (this.#memories.length >= TOKENS_MAX) this.#endAll()
      memory.token = { view: memory.view, bytes: memory.bytes }
      this.#memories.push(memory)
    }
    return memory.token
  }

  /** Ends every token. */
  end(): void {
    if (this.#memories.length > 0) this.#endAll()
  }

  #endAll(): void {
    for (const memory of this.#memories) {
      ;(memory.token as RecordBytes).view = null
      memory.token = undefined
    }
    this.#memories.length = 0
  }
}
