/**
 * Heap memory for staged records, and the tokens with which rows and walks refer to it.
 *
 *   HB1  rows and walks hold a token on the memory, never the memory itself. The next staged change sets the view of every token to null.
 *        The holder of a token then looks the record up again.
 *   HB2  a staged change costs one comparison if no token is in use.
 *   HB3  at most 64 tokens are in use. One more ends them all, so that they keep little released memory reachable.
 * Using the memory: staging.ts, image-slots.ts. Tokens on windows of the file: mmap/window-pool/window.ts.
 */

import type { RecordBytes } from '../../schema/index.ts'

const TOKENS_MAX = 64

/** Heap memory. Code that keeps a reference across a change holds a token instead. */
export class HeapBytes implements RecordBytes {
  readonly view: DataView
  readonly bytes: Buffer
  /** The token in use, if there is one. */
  token: RecordBytes | undefined = undefined

  /** Memory for one image. Small images come from Node's buffer pool, which is cheaper to allocate and to free. */
  static ofSize(bytes: number): HeapBytes {
    return new HeapBytes(Buffer.allocUnsafe(bytes))
  }

  constructor(bytes: Buffer) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.bytes = bytes
  }
}

/** The tokens in use. */
export class HeapTokens {
  readonly #memories: HeapBytes[] = []

  /** A token on this memory, valid until `end`. */
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
