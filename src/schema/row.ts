/**
 * How does a row read a field where it lies? One getter a field, generated onto a class of the caller's.
 *
 *   RO1  a getter looks at the source's view on each use; null means that the bytes are gone, and it calls `refresh`, which
 *       points the row at them again and may change everything else.
 *   RO2  a row's state is in private fields, and `rowAccess` is the only way to it: a program that copies, prints or walks over
 *       a row's properties finds no mapped memory.
 */

/** Memory that holds records. `view` and `bytes` show the same bytes; a null view means they have gone. */
export interface RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

/** For the engine and for generated code; never part of what programs import. */
export interface RowAccess {
  /** The row's memory; null once its bytes have gone. */
  view(row: RowBase): DataView | null
  bytes(row: RowBase): Buffer
  /** Byte position of the record in that memory. */
  at(row: RowBase): number
  /** Moves the row within its memory. */
  move(row: RowBase, at: number): void
  point(row: RowBase, source: RecordBytes, at: number): void
  /** Points the row at live bytes again. @returns their view; throws if the record cannot be reached any more */
  refresh(row: RowBase): DataView
}

export let rowAccess: RowAccess

/** What a row class is made from. */
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
        // A double in a field would make it one of boxed doubles for all rows of the class.
        row.#at = at | 0
      },
      refresh: row => {
        row.#find(row as never)
        return row.#source.view as DataView
      },
    }
  }
}

// The arguments of a base class are its own affair; `never` accepts every list of them.
export type RowBaseConstructor = abstract new (...args: never[]) => RowBase
