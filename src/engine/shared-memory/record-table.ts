/**
 * How are records of a schema read and changed in shared memory?
 *
 *   MR1  a read gives one whole record, never parts of two; it waits for no writer.
 *   MR2  a change is made whole or not at all, also if its process dies inside it. Changes of one record exclude each other by a lock of
 *        the kernel; changes of different records do not, except on Windows.
 *   MR3  code of the caller (refinements, callbacks) never runs under the lock. An update reads, runs it, and begins again if another
 *        change came between.
 *   MR4  `add` to a counter takes no lock: it is one atomic instruction.
 * The bytes: record-blocks.ts, shared-header.ts. What users hold: shared-record.ts, shared-array.ts.
 */

import { endianness } from 'node:os'
import { StrideError } from '../../errors.ts'
import type { MappedView } from '../../mmap/mapped-view.ts'
import type { SharedMemoryOptions } from '../../mmap/options.ts'
import { FIRST_FREE_LOCK } from '../../mmap/shared-initializing.ts'
import { SharedMemory, sharedObjectOf } from '../../mmap/shared-memory.ts'
import { shown } from '../../options/shown-value.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { unfinished } from '../../runtime/synchronous.ts'
import {
  type AnySchema,
  type Codec,
  codecOf,
  findFields,
  type Input,
  type Output,
  refuseOldSchema,
  unknownField,
} from '../../schema/index.ts'
import { blockWords, RecordBlocks } from './record-blocks.ts'
import { checkHeader, headerBytes, writeHeader } from './shared-header.ts'
import { SHARED_RECORD, type SharedRecordOptions } from './shared-options.ts'

/** A reader that met so many changes takes the lock. */
const READS_MAX = 1000
/** How often a held lock is tried again before the thread sleeps. Its holder stores a few words. */
const SPINS_MAX = 20
const POLL_MS = 1
const U32_VALUES = 2 ** 32

/** A change of a record, or a function that makes one from the record. */
export type RecordChange<S extends AnySchema> = Partial<Input<S>> | ((record: Output<S>) => Partial<Input<S>>)

/** A copy of a record, as words and as bytes. */
interface Image {
  readonly words: Int32Array
  readonly bytes: Buffer
  readonly view: DataView
}

/** Memory to be opened, or created. */
interface MemoryWanted {
  readonly name: string
  readonly options: SharedMemoryOptions
}

/** Opens the memory of a table, blocking. */
export function openTable<S extends AnySchema>(
  opening: Generator<MemoryWanted, RecordTable<S>, SharedMemory>,
): RecordTable<S> {
  let step = opening.next()
  while (!step.done) step = opening.next(SharedMemory.open(step.value.name, step.value.options))
  return step.value
}

/** Like `openTable`, but does not block the event loop. */
export async function openTableAsync<S extends AnySchema>(
  opening: Generator<MemoryWanted, RecordTable<S>, SharedMemory>,
): Promise<RecordTable<S>> {
  let step = opening.next()
  while (!step.done) step = opening.next(await SharedMemory.openAsync(step.value.name, step.value.options))
  return step.value
}

export class RecordTable<S extends AnySchema> {
  readonly memory: SharedMemory
  readonly #codec: Codec<Output<S>>
  readonly #count: number
  readonly #timeoutMs: number
  readonly #view: MappedView
  readonly #words: Int32Array
  readonly #blocks: RecordBlocks
  readonly #scratch: Image
  /** Words of counters within a record, by name. */
  readonly #counters: ReadonlyMap<string, number>

  private constructor(
    memory: SharedMemory,
    view: MappedView,
    codec: Codec<Output<S>>,
    count: number,
    timeoutMs: number,
  ) {
    this.memory = memory
    this.#codec = codec
    this.#count = count
    this.#timeoutMs = timeoutMs
    this.#view = view
    const { buffer, byteOffset, byteLength } = view.bytes
    this.#words = new Int32Array(buffer, byteOffset, Math.floor(byteLength / 4))
    this.#scratch = newImage(codec)
    this.#blocks = new RecordBlocks(this.#words, headerBytes(codec.layout) / 4, this.#scratch.words.length)
    this.#counters = countersOf(codec)
  }

  /** @returns the table, once `open` has opened its memory; it is not called for memory that is open already */
  static *opening<S extends AnySchema>(
    target: string | SharedMemory,
    schema: S,
    count: number,
    options: SharedRecordOptions<S> | undefined,
    call: string,
  ): Generator<MemoryWanted, RecordTable<S>, SharedMemory> {
    const { mode, initialize, lockTimeoutMs } = SHARED_RECORD.read(options, call)
    refuseOldSchema(schema, 'The schema')
    const codec = codecOf(schema, { align: 'natural' })
    const { layout } = codec
    const size = headerBytes(layout) + count * blockWords(wordsOf(layout.recordSize)) * 4
    const isGiven = target instanceof SharedMemory
    if (isGiven && initialize !== undefined)
      throw new TypeError(`${call}: shared memory that is open already is not initialised again`)
    const fill = (view: MappedView): void => fillNew(view.bytes, codec, count, initialize)
    const memory = isGiven
      ? target
      : yield { name: target, options: { size, mode, lockTimeoutMs, initialize: fill } }
    const view = memory.view()
    try {
      checkHeader(view.bytes, memory.name, layout, count, size)
      return new RecordTable<S>(memory, view, codec, count, lockTimeoutMs)
    } catch (error) {
      if (isGiven) view.unmap()
      else memory.close()
      throw error
    }
  }

  /** Names of the fields that `add` takes. */
  get counters(): readonly string[] {
    return [...this.#counters.keys()]
  }

  get(number: number): Output<S> {
    this.#readInto(number, this.#scratch)
    return this.#codec.decode(this.#scratch.view, this.#scratch.bytes, 0)
  }

  field(number: number, name: string): unknown {
    this.#readInto(number, this.#scratch)
    return this.#codec.readField(this.#scratch.view, this.#scratch.bytes, 0, name)
  }

  set(number: number, record: Input<S>): void {
    this.#assertNumber(number)
    const next = newImage(this.#codec)
    this.#codec.encode(record, next.view, next.bytes, 0)
    this.#locked(number, () => this.#blocks.store(number, next.words))
  }

  update(number: number, change: RecordChange<S>): void {
    const before = newImage(this.#codec)
    const next = newImage(this.#codec)
    for (;;) {
      const sequence = this.#readInto(number, before)
      next.words.set(before.words)
      const given =
        typeof change === 'function' ? change(this.#codec.decode(before.view, before.bytes, 0)) : change
      const kind = typeof change === 'function' ? unfinished(given) : undefined
      if (kind !== undefined)
        throw new TypeError(`The callback of update must be synchronous, and returned ${kind}`)
      this.#codec.patch(given, next.view, next.bytes, 0)
      if (this.#locked(number, () => this.#blocks.store(number, next.words, before.words, sequence))) return
    }
  }

  /** @returns the sum, from 0 to 2^32 - 1 */
  add(number: number, name: string, delta: number): number {
    const word = this.#counters.get(name)
    if (word === undefined) throw this.#noCounter(name)
    if (!Number.isInteger(delta) || Math.abs(delta) >= U32_VALUES)
      throw typeof delta === 'number'
        ? new RangeError(`add takes a whole number of less than 2^32: ${shown(delta)}`)
        : new TypeError(`add takes a number: ${shown(delta)}`)
    this.#assertNumber(number)
    if (this.#codec.refined) return this.#addChecked(number, name, delta)
    const at = this.#blocks.recordAt(number) + word
    const now = (): number => (Atomics.add(this.#words, at, delta) + delta) >>> 0
    if (!this.#blocks.isBeingStored(number)) return now()
    // A redo would undo the sum, so it is done before.
    return this.#locked(number, () => {
      this.#blocks.finish(number)
      return now()
    })
  }

  /** The schema has refinements, which see each change. */
  #addChecked(number: number, name: string, delta: number): number {
    let sum = 0
    this.update(number, record => {
      const path = name.split('.')
      const last = path.pop() as string
      const copy: Record<string, unknown> = structuredClone(record) as Record<string, unknown>
      let at = copy
      for (const key of path) at = at[key] as Record<string, unknown>
      sum = ((at[last] as number) + delta) % U32_VALUES
      if (sum < 0) sum += U32_VALUES
      at[last] = sum
      const top = path[0] ?? last
      return { [top]: copy[top] } as Partial<Input<S>>
    })
    return sum
  }

  /** Copies a whole record. @returns its sequence */
  #readInto(number: number, image: Image): number {
    this.#assertNumber(number)
    for (let reads = 0; reads < READS_MAX; reads++) {
      const sequence = this.#blocks.tryRead(number, image.words)
      if (sequence !== undefined) return sequence
    }
    return this.#locked(number, () => this.#blocks.tryRead(number, image.words) as number)
  }

  #locked<T>(number: number, run: () => T): T {
    const object = sharedObjectOf(this.memory)
    const lock = FIRST_FREE_LOCK + number
    const deadline = new Deadline(this.#timeoutMs)
    for (let tries = 0; !object.tryLock(lock); tries++) {
      if (tries < SPINS_MAX) continue
      if (deadline.isOver) {
        const what = `Record ${number} of shared memory '${this.memory.name}'`
        throw new StrideError('ERR_STRIDE_BUSY', `${what} is being changed for ${this.#timeoutMs} ms now`, {
          recordNumber: number,
        })
      }
      blockFor(POLL_MS)
    }
    try {
      return run()
    } finally {
      object.unlock(lock)
    }
  }

  /** @throws ERR_STRIDE_CLOSED, RangeError, TypeError */
  #assertNumber(number: number): void {
    // Throws after close. The words have no bytes then, or zeros.
    if (!this.#view.isMapped) void this.#view.bytes
    if (Number.isInteger(number) && number >= 0 && number < this.#count) return
    if (typeof number !== 'number') throw new TypeError(`A record number is a number: ${shown(number)}`)
    throw new RangeError(`Record numbers go from 0 to ${this.#count - 1}: ${number}`)
  }

  #noCounter(name: string): Error {
    if (typeof name !== 'string' || !this.#codec.hasField(name))
      return unknownField(
        name,
        this.#codec.layout.fields.map(({ path }) => path),
      )
    const rule =
      'a u32 that is never null, has the byte order of this machine and lies at a multiple of 4 bytes'
    const known = this.counters.length === 0 ? 'there are none' : `counters are ${this.counters.join(', ')}`
    return new TypeError(`add takes a counter, ${rule}: '${name}' is no counter, ${known}`)
  }
}

function wordsOf(bytes: number): number {
  return Math.ceil(bytes / 4)
}

function newImage(codec: Codec): Image {
  const words = new Int32Array(wordsOf(codec.layout.recordSize))
  return { words, bytes: Buffer.from(words.buffer), view: new DataView(words.buffer) }
}

/** Writes header and records into zeroed memory. */
function fillNew(
  bytes: Uint8Array,
  codec: Codec,
  count: number,
  initialize: ((number: number) => unknown) | undefined,
): void {
  writeHeader(bytes, codec.layout, count)
  if (initialize === undefined) return
  const image = newImage(codec)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4))
  const blocks = new RecordBlocks(words, headerBytes(codec.layout) / 4, image.words.length)
  for (let number = 0; number < count; number++) {
    const record = initialize(number)
    const kind = unfinished(record)
    if (kind !== undefined) throw new TypeError(`initialize must be synchronous, and returned ${kind}`)
    codec.encode(record, image.view, image.bytes, 0)
    words.set(image.words, blocks.recordAt(number))
  }
}

/** Fields that one atomic instruction can change. */
function countersOf({ layout }: Codec): ReadonlyMap<string, number> {
  const own = endianness() === 'LE' ? 'little' : 'big'
  const counters = new Map<string, number>()
  for (const { path, node, offset, guards } of findFields(layout.root)) {
    const isPlain = node.type === 'u32' && node.endian === own && !node.nullable && !node.optional
    if (isPlain && guards.length === 0 && offset % 4 === 0) counters.set(path, offset / 4)
  }
  return counters
}
