/**
 * What does a program hold of an array of records in shared memory? Reading, changing and counting are those of record-table.ts.
 */

import type { SharedMemory, SharedMemoryHandle } from '../../mmap/shared-memory.ts'
import { whole } from '../../options/option-kinds.ts'
import type { AnySchema, FieldName, FieldValue, Input, Output } from '../../schema/index.ts'
import { openTable, openTableAsync, type RecordChange, RecordTable } from './record-table.ts'
import type { SharedRecordOptions } from './shared-options.ts'

const COUNT = whole({ min: 1, unit: 'records' })

/** A fixed number of records that processes share. It exists as long as a process has it open. */
export class SharedArray<S extends AnySchema = AnySchema> implements Iterable<Output<S>> {
  readonly #table: RecordTable<S>
  readonly #length: number

  /** @internal */
  constructor(table: RecordTable<S>, length: number) {
    this.#table = table
    this.#length = length
  }

  /** The memory that it is in. */
  get memory(): SharedMemory {
    return this.#table.memory
  }
  /** How many records it has. */
  get length(): number {
    return this.#length
  }
  /** The fields that `add` takes. */
  get counters(): readonly string[] {
    return this.#table.counters
  }

  /** Record n, whole, as a fresh object. @throws {StrideError} ERR_STRIDE_CLOSED, _CORRUPT; RangeError if there is no record n */
  get(n: number): Output<S> {
    return this.#table.get(n)
  }
  /** One field of record n, by its dotted path. @throws as `get`; RangeError for an unknown field */
  field<Name extends FieldName<S>>(n: number, name: Name): FieldValue<S, Name>
  field(n: number, name: string): unknown {
    return this.#table.field(n, name)
  }
  /** Replaces record n, as `set` of `SharedRecord`. @throws as there; RangeError */
  set(n: number, record: Input<S>): void {
    this.#table.set(n, record)
  }
  /** Replaces the named fields of record n, as `update` of `SharedRecord`. @throws as there; RangeError */
  update(n: number, change: RecordChange<S>): void {
    this.#table.update(n, change)
  }
  /** Adds to a counter of record n, as `add` of `SharedRecord`. @returns the sum @throws as there; RangeError */
  add(n: number, field: FieldName<S>, delta = 1): number {
    return this.#table.add(n, field, delta)
  }
  /** Each record, whole. Different records may be of different moments. */
  *[Symbol.iterator](): Generator<Output<S>, void, undefined> {
    for (let n = 0; n < this.#length; n++) yield this.#table.get(n)
  }

  /** A handle for worker threads and other processes: `sharedArray(SharedMemory.fromHandle(handle), schema, count)`. */
  share(): SharedMemoryHandle {
    return this.memory.share()
  }
  /** Closes the memory. It ends when its last opener closes it. Twice is fine. */
  close(): void {
    this.memory.close()
  }
  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Opens an array of records in shared memory, or creates it if no process has it open. Its fields lie as a C compiler places them.
 * @param name as for `sharedRecord`
 * @param count records, 1 or more; an existing array has to have as many
 * @throws as `sharedRecord`, ERR_STRIDE_SCHEMA_MISMATCH also for another count
 */
export function sharedArray<S extends AnySchema>(
  name: string | SharedMemory,
  schema: S,
  count: number,
  options?: SharedRecordOptions<S>,
): SharedArray<S> {
  const length = COUNT.read(count, 'sharedArray: count')
  return new SharedArray(openTable(RecordTable.opening(name, schema, length, options, 'sharedArray')), length)
}

/** Like `sharedArray`, but does not block the event loop while another opener initialises the array. @throws as `sharedArray` */
export async function sharedArrayAsync<S extends AnySchema>(
  name: string | SharedMemory,
  schema: S,
  count: number,
  options?: SharedRecordOptions<S>,
): Promise<SharedArray<S>> {
  const length = COUNT.read(count, 'sharedArrayAsync: count')
  const opening = RecordTable.opening(name, schema, length, options, 'sharedArrayAsync')
  return new SharedArray(await openTableAsync(opening), length)
}
