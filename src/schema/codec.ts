/**
 * What does a codec do? It writes records of one layout as bytes, and reads them.
 *
 * The reference implementation: plain-codec.ts. Which codec a schema gets: codec-of.ts.
 */

import type { Column } from './column.ts'
import type { Layout } from './layout.ts'
import type { ReaderBaseConstructor } from './reader.ts'
import type { Taken, TakenChange } from './record-copy.ts'
import type { RowBaseConstructor } from './row.ts'
import type { WalkBaseConstructor } from './walk.ts'

/**
 * Writes and reads records of one layout. `view` and `bytes` must show the same memory; `at` is the position of the record in both,
 * in bytes. The codec does not keep them.
 */
export interface Codec<T = unknown> {
  /** Where each field lies. */
  readonly layout: Layout
  /** Whether it runs generated code. */
  readonly compiled: boolean
  /** Whether Zod runs on writes. */
  readonly refined: boolean
  /**
   * Writes every byte of the record; padding and null fields become zero.
   * @throws {StrideError} ERR_STRIDE_RECORD; some of the bytes may then be written
   */
  encode(value: unknown, view: DataView, bytes: Buffer, at: number): void
  /**
   * Writes the top-level fields that `change` names over the record at `at`. Refinements see the merged record.
   * @throws {StrideError} ERR_STRIDE_RECORD; some of the bytes may then be written
   */
  patch(change: unknown, view: DataView, bytes: Buffer, at: number): void
  /** The record as a fresh object, with every key. @throws {StrideError} ERR_STRIDE_CORRUPT with `field` and `offset` */
  decode(view: DataView, bytes: Buffer, at: number): T
  /** One field, by its dotted path. @throws RangeError for an unknown field; {StrideError} ERR_STRIDE_CORRUPT */
  readField(view: DataView, bytes: Buffer, at: number, name: string): unknown
  /** Writers that also copy what they read, for Zod; made at each call. @internal */
  copying(): CopyingWriter
  /** Whether there is a field with this dotted path. */
  hasField(name: string): boolean
  /**
   * A subclass with a getter for each top-level field on its prototype.
   * @param seeksHot its reader's hot records lie side by side: `seek` goes to them by arithmetic (RO3 of row.ts) @internal
   */
  rowClass<B extends RowBaseConstructor>(base: B, seeksHot?: boolean): RowConstructor<B>
  /**
   * A subclass that reads records which lie side by side faster; the base itself where nothing is generated.
   * @param isShared another process may change the memory (RD5 of reader.ts) @internal
   */
  readerClass<B extends ReaderBaseConstructor>(base: B, isShared?: boolean): B
  /** A subclass that steps from record to record faster; the base itself where nothing is generated. @internal */
  walkClass<B extends WalkBaseConstructor>(base: B): B
  /** Reads one field of many records; made once a field. @throws RangeError for an unknown name @internal */
  column(name: string): Column
}

/** Writes as a codec does. Returns a copy of what it read, and the issues instead of throwing them. */
export interface CopyingWriter {
  encode(value: unknown, view: DataView, bytes: Buffer, at: number): Taken
  /** `change` is an object. */
  patch(change: Readonly<Record<string, unknown>>, view: DataView, bytes: Buffer, at: number): TakenChange
}

/** The constructor of a class that rowClass makes: that of the base, no longer abstract. */
export type RowConstructor<B extends RowBaseConstructor> = B extends abstract new (
  ...args: infer A
) => infer R
  ? new (
      ...args: A
    ) => R
  : never
