/**
 * What does a codec do? Records become bytes, and bytes records, of one layout.
 *
 * What the bytes mean: plain-codec.ts. Which codec a schema gets: codec-of.ts.
 */

import type { Column } from './column.ts'
import type { Layout } from './layout.ts'
import type { ReaderBaseConstructor } from './reader.ts'
import type { RowBaseConstructor } from './row.ts'
import type { Taken, TakenChange } from './take.ts'
import type { WalkBaseConstructor } from './walk.ts'

/**
 * Writes and reads records of one layout. `view` and `bytes` show the same memory, byte for byte; `at` is the
 * position of the record in both. Nothing here keeps them.
 */
export interface Codec<T = unknown> {
  readonly layout: Layout
  /** True when it runs generated code. */
  readonly compiled: boolean
  /** True when Zod runs on writes. */
  readonly refined: boolean
  /**
   * Writes every byte of the record; padding and null fields become zero.
   * @throws ERR_STRIDE_RECORD; bytes may be written in part then
   */
  encode(value: unknown, view: DataView, bytes: Buffer, at: number): void
  /**
   * Writes the top-level fields that `change` names over the record at `at`. Refinements see the merged record.
   * @throws ERR_STRIDE_RECORD; bytes may be written in part then
   */
  patch(change: unknown, view: DataView, bytes: Buffer, at: number): void
  /** The record as a fresh object, with every key. @throws ERR_STRIDE_CORRUPT with `field` and `offset` */
  decode(view: DataView, bytes: Buffer, at: number): T
  /** One field, by its dotted path. @throws RangeError for an unknown name; ERR_STRIDE_CORRUPT */
  readField(view: DataView, bytes: Buffer, at: number, name: string): unknown
  /** Writers whose copies Zod may look at; made at each call. @internal */
  copying(): CopyingWriter
  hasField(name: string): boolean
  /** A subclass with a getter for each top-level field on its prototype. @internal */
  rowClass<B extends RowBaseConstructor>(base: B): RowConstructor<B>
  /** A subclass that reads records which lie side by side faster; the base itself where nothing is generated. @internal */
  readerClass<B extends ReaderBaseConstructor>(base: B): B
  /** A subclass that steps from record to record faster; the base itself where nothing is generated. @internal */
  walkClass<B extends WalkBaseConstructor>(base: B): B
  /** Reads one field of many records; made once a field. @throws RangeError for an unknown name @internal */
  column(name: string): Column
}

/** Writes as a codec does, and answers with a copy of what it read and with the issues, instead of throwing them. */
export interface CopyingWriter {
  encode(value: unknown, view: DataView, bytes: Buffer, at: number): Taken
  /** `change` is an object. */
  patch(change: Readonly<Record<string, unknown>>, view: DataView, bytes: Buffer, at: number): TakenChange
}

/** The constructor that rowClass gives: the base's, no longer abstract. */
export type RowConstructor<B extends RowBaseConstructor> = B extends abstract new (
  ...args: infer A
) => infer R
  ? new (
      ...args: A
    ) => R
  : never
