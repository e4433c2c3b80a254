/**
 * How does a row read a field in place? With one getter for each field, generated into a subclass.
 *
 *   RO1  a getter calls `find` at each use, which points the row at its record again if the bytes are gone. A hot row, which *stands* on
 *        its memory, skips this: code that releases the memory, or changes records in it, calls `cool` first.
 *   RO2  a row's state is in private fields, and `rowAccess` is the only way to it. A program that copies, prints or enumerates the
 *        properties of a row finds no mapped memory.
 *   RO3  `seek` finds a hot record by arithmetic (RD1 of reader.ts). Every other record is found out of line (RD3).
 */

import { InvariantError } from '../errors.ts'

/** Memory that holds records. `view` and `bytes` show the same bytes; a null view means that they are gone. */
export interface RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))

/** For the engine and generated code; never exported to programs. */
export interface RowAccess {
  /** 1 while the row stands on its memory, otherwise 0. If it is 0, call `find` before `view`. */
  stands(row: RowBase): number
  /** Points the row at its record again if the bytes are gone, and sets the view. Throws if the record no longer exists. */
  find(row: RowBase): void
  /** The row's memory. It is never null, so that the compiler need not check. */
  view(row: RowBase): DataView
  bytes(row: RowBase): Buffer
  /** Byte position of the record in that memory. */
  at(row: RowBase): number
  /** Whether the bytes under the row are still there. */
  isHere(row: RowBase): boolean
  /** The range of hot records around the row, as in `ReaderAccess`. Empty unless the row stands. */
  hotFirst(row: RowBase): number
  hotCount(row: RowBase): number
  hotAt(row: RowBase): number
  /** Points the row at a record that is not hot. Throws if there is no such record. @returns its byte position */
  seek(row: RowBase, n: number): number
  /** Sets the function that `seek` calls. */
  call(row: RowBase, seek: (n: number) => number): void
  /** Moves the row within its memory. */
  move(row: RowBase, at: number): void
  /** Points the row at a record. The row does not stand afterwards. */
  point(row: RowBase, source: RecordBytes, at: number): void
  /** Lets the row stand on its source until `cool`. */
  stand(row: RowBase): void
  /** Makes `count` records of the source hot while the row stands, the first one at byte position `at`. */
  heat(row: RowBase, first: number, count: number, at: number): void
  cool(row: RowBase): void
}

export let rowAccess: RowAccess

/** The base of row classes. */
export abstract class RowBase {
  #source = NOWHERE
  #view = NO_VIEW
  #bytes = NOWHERE.bytes
  #at = 0
  #stands = 0
  #hotFirst = 0
  #hotCount = 0
  #hotAt = 0
  #seek: (n: number) => number = unset
  readonly #find: (row: never) => void

  /** @param find points the row at its record again; one function for all rows of a class */
  constructor(find: (row: never) => void) {
    this.#find = find
  }

  static {
    rowAccess = {
      stands: row => row.#stands,
      find: row => {
        if (row.#source.view === null) row.#find(row as never)
        row.#view = row.#source.view as DataView
      },
      view: row => row.#view,
      bytes: row => row.#bytes,
      at: row => row.#at,
      isHere: row => row.#stands === 1 || row.#source.view !== null,
      hotFirst: row => row.#hotFirst,
      hotCount: row => row.#hotCount,
      hotAt: row => row.#hotAt,
      seek: (row, n) => {
        const call = row.#seek
        return call(n)
      },
      call: (row, seek) => {
        row.#seek = seek
      },
      move: (row, at) => {
        row.#at = at
      },
      point: (row, source, at) => {
        row.#source = source
        row.#bytes = source.bytes
        row.#stands = 0
        row.#hotCount = 0
        // One double in this field would turn it into boxed doubles for all rows of the class.
        row.#at = at | 0
      },
      stand: row => {
        row.#view = row.#source.view as DataView
        row.#stands = 1
      },
      heat: (row, first, count, at) => {
        row.#hotFirst = first
        row.#hotCount = count
        row.#hotAt = at
      },
      cool: row => {
        row.#stands = 0
        row.#hotCount = 0
        row.#view = NO_VIEW
      },
    }
  }
}

function unset(): never {
  throw new InvariantError('a row without a function that finds records')
}

// A base class may have any arguments, and `never` accepts every list of them.
export type RowBaseConstructor = abstract new (...args: never[]) => RowBase
