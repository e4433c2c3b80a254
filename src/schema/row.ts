/**
 * How does a row read a field where it lies? One getter a field, generated onto a class of the caller's.
 *
 * A row's own state is keyed by symbols, so that no field name can collide with it.
 *   R1  a getter looks at `source.view` on each use; null means the bytes are gone, and it calls ROW_REFRESH,
 *       which points the row at them again and may change everything else.
 */

/** Memory that holds records. `view` and `bytes` show the same bytes; a null view means they have gone. */
export interface RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

/** Key of a row's memory. */
export const ROW_SOURCE: unique symbol = Symbol('row.source')
/** Key of the record's byte position in it. */
export const ROW_AT: unique symbol = Symbol('row.at')
/** Key of the method that finds the record again. */
export const ROW_REFRESH: unique symbol = Symbol('row.refresh')

/** What a row class is made from. Subclasses set where the record lies and say how to find it again. */
export abstract class RowBase {
  abstract [ROW_SOURCE]: RecordBytes
  abstract [ROW_AT]: number
  /** Points the row at live bytes again. @returns their view; throws if the record cannot be reached any more */
  abstract [ROW_REFRESH](): DataView
}

// The arguments of a base class are its own affair; `never` accepts every list of them.
export type RowBaseConstructor = abstract new (...args: never[]) => RowBase
