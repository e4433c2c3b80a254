/**
 * What does a program hold of one record in shared memory? Reading, changing and counting are those of record-table.ts.
 */

import type { SharedMemory, SharedMemoryHandle } from '../../mmap/shared-memory.ts'
import type { AnySchema, FieldName, FieldValue, Input, Output } from '../../schema/index.ts'
import { openTable, openTableAsync, type RecordChange, RecordTable } from './record-table.ts'
import type { SharedRecordOptions } from './shared-options.ts'

/** One record that processes share. It exists as long as a process has it open. */
export class SharedRecord<S extends AnySchema = AnySchema> {
  readonly #table: RecordTable<S>

  /** @internal */
  constructor(table: RecordTable<S>) {
    this.#table = table
  }

  /** The memory that it is in. */
  get memory(): SharedMemory {
    return this.#table.memory
  }
  /** The fields that `add` takes. */
  get counters(): readonly string[] {
    return this.#table.counters
  }

  /** The record, whole, as a fresh object. Waits for no writer. @throws {StrideError} ERR_STRIDE_CLOSED, _CORRUPT */
  get(): Output<S> {
    return this.#table.get(0)
  }
  /** One field, by its dotted path. @throws as `get`; RangeError for an unknown field */
  field<Name extends FieldName<S>>(name: Name): FieldValue<S, Name>
  field(name: string): unknown {
    return this.#table.field(0, name)
  }
  /**
   * Replaces the record. Readers see the old one or the new one.
   * @throws {StrideError} ERR_STRIDE_RECORD, _CLOSED, _BUSY (another process holds the record's lock for longer than `lockTimeoutMs`)
   */
  set(record: Input<S>): void {
    this.#table.set(0, record)
  }
  /**
   * Replaces the fields that are named. A function gets the record and returns the change; if another change comes between, the function
   * is called again. Fields that are not named keep what other processes make of them.
   * @throws as `set`; whatever the function throws
   */
  update(change: RecordChange<S>): void {
    this.#table.update(0, change)
  }
  /**
   * Adds to a counter, one of `counters`: atomic between processes, without a lock. It wraps at 2^32, below zero as well. If the schema
   * has refinements, they are run, and it takes as long as `update`.
   * @param delta 1 by default; negative to subtract
   * @returns the sum
   * @throws {StrideError} ERR_STRIDE_CLOSED, with refinements as `update`; TypeError for a field that is no counter
   */
  add(field: FieldName<S>, delta = 1): number {
    return this.#table.add(0, field, delta)
  }

  /** A handle for worker threads and other processes: `sharedRecord(SharedMemory.fromHandle(handle), schema)`. */
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
 * Opens a record in shared memory, or creates it if no process has it open. Its fields lie as a C compiler places them.
 * @param name 1 to 200 letters, digits, '.', '_' and '-', beginning with a letter or digit; or shared memory that is open and holds such
 *   a record
 * @throws {StrideError} ERR_STRIDE_SCHEMA_MISMATCH (the record has another schema; the message names each field that differs), _LAYOUT,
 *   _NAME_TAKEN, and what `SharedMemory.open` throws
 */
export function sharedRecord<S extends AnySchema>(
  name: string | SharedMemory,
  schema: S,
  options?: SharedRecordOptions<S>,
): SharedRecord<S> {
  return new SharedRecord(openTable(RecordTable.opening(name, schema, 1, options, 'sharedRecord')))
}

/** Like `sharedRecord`, but does not block the event loop while another opener initialises the record. @throws as `sharedRecord` */
export async function sharedRecordAsync<S extends AnySchema>(
  name: string | SharedMemory,
  schema: S,
  options?: SharedRecordOptions<S>,
): Promise<SharedRecord<S>> {
  const opening = RecordTable.opening(name, schema, 1, options, 'sharedRecordAsync')
  return new SharedRecord(await openTableAsync(opening))
}
