/**
 * Records in one buffer of the heap, for tests of the index structures: encoded by the real codec, found by number.
 */

import type { RecordAccess } from '../../../src/engine/indexes/keys/record-keys.ts'
import type { RecordRuns } from '../../../src/engine/indexes/trees/bulk-build.ts'
import { type AnySchema, type Codec, codecOf, type RecordBytes } from '../../../src/schema/index.ts'

export class HeapRecords implements RecordAccess, RecordRuns {
  readonly codec: Codec<unknown>
  readonly stride: number
  #bytes: Buffer
  #source: RecordBytes
  #live: Uint8Array
  at = 0
  count = 0
  size = 0

  constructor(schema: AnySchema, capacity: number) {
    this.codec = codecOf(schema) as Codec<unknown>
    this.stride = this.codec.layout.recordSize
    this.#bytes = Buffer.alloc(capacity * this.stride)
    this.#source = this.#sourceOf(this.#bytes)
    this.#live = new Uint8Array(capacity)
  }

  get view(): DataView {
    return this.#source.view as DataView
  }
  get bytes(): Buffer {
    return this.#bytes
  }

  isLive(n: number): boolean {
    return n < this.size && this.#live[n] === 1
  }

  set(n: number, record: unknown): void {
    if (n >= this.#live.length) this.#grow()
    this.codec.encode(record, this.view, this.#bytes, n * this.stride)
    this.#live[n] = 1
    this.size = Math.max(this.size, n + 1)
  }

  delete(n: number): void {
    this.#live[n] = 0
  }

  get(n: number): unknown {
    return this.codec.decode(this.view, this.#bytes, n * this.stride)
  }

  find(n: number): RecordBytes | undefined {
    if (!this.isLive(n)) return undefined
    this.at = n * this.stride
    return this.#source
  }

  nextLive(n: number, end: number): number {
    let at = n
    while (at < end && !this.isLive(at)) at++
    return at
  }

  run(n: number, end: number): RecordBytes | undefined {
    let stop = n
    while (stop < end && this.isLive(stop)) stop++
    this.count = stop - n
    return this.find(n)
  }

  #grow(): void {
    const bytes = Buffer.alloc(this.#bytes.length * 2)
    this.#bytes.copy(bytes)
    const live = new Uint8Array(this.#live.length * 2)
    live.set(this.#live)
    this.#bytes = bytes
    this.#live = live
    this.#source = this.#sourceOf(bytes)
  }

  #sourceOf(bytes: Buffer): RecordBytes {
    return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
  }
}
