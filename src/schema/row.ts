/**
 * How does a row read a field in place? With one getter for each field, generated into a subclass.
 *
 *   RO1  a getter reads the source's view at each use. If it is null, the bytes are gone; the getter calls `refresh`, which points the
 *        row at them again and may change the row's whole state.
 *   RO2  a row's state is in private fields, and `rowAccess` is the only way to it. A program that copies, prints or enumerates the
 *        properties of a row finds no mapped memory.
 */

/** Memory that holds records. `view` and `bytes` show the same bytes; a null view means that they are gone. */
export interface RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

/** For the engine and generated code; never exported to programs. */
export interface RowAccess {
  /** The row's memory; null once its bytes are gone. */
  view(row: RowBase): DataView | null
  bytes(row: RowBase): Buffer
  /** Byte position of the record in that memory. */
  at(row: RowBase): number
  /** Moves the row within its memory. */
  move(row: RowBase, at: number): void
  point(row: RowBase, source: RecordBytes, at: number): void
  /** Points the row at its record again. @returns the view of its bytes; throws if the record no longer exists */
  refresh(row: RowBase): DataView
}

export let rowAccess: RowAccess

/** The base of row classes. */
export abstract class RowBase {
  #source = NOWHERE
  #at = 0
  readonly #find: (row: never) => void

  /** @param find points the row at its record again; one function for all rows of a class */
  constructor(find: (row: never) => void) {
    this.#find = find
  }

  static {
    rowAccess = {
      view: row => row.#source.view,
      bytes: row => row.#source.bytes,
      at: row => row.#at,
      move: (row, at) => {
        row.#at = at
      },
      point: (row, source, at) => {
        row.#source = source
        // One double in this field would turn it into boxed doubles for all rows of the class.
        row.#at = at | 0
      },
      refresh: row => {
        row.#find(row as never)
        return row.#source.view as DataView
      },
    }
  }
}

// A base class may have any arguments, and `never` accepts every list of them.
export type RowBaseConstructor = abstract new (...args: never[]) => RowBase
