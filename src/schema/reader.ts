/**
 * How does a store read a record by its number? `get` and `field`, generated onto a class of the caller's.
 *
 * A reader keeps the memory of the record that it found last, and how far neighbouring records lie hot around it: there
 * a record is found by arithmetic.
 *   RD1  while no record is hot every record is asked for through `locate` and `get`. Whoever takes the memory away, or changes
 *       what lies there, calls `cool` first; nothing else is looked at.
 *   RD2  a class of its own for each layout: what the compiler learns at a call of `field` is then about that layout, and
 *       two stores of two schemas in one loop cost what two of one schema do (`npm run bench -- random-field`).
 *   RD3  `locate` and `get` are called out of line (out-of-line.ts), so that loops have room for the rest.
 *   RD4  the state is in private fields, and `readerAccess` is the only way to it (RO2 of row.ts).
 */

import { InvariantError } from '../errors.ts'

/** For the engine and for generated code; never part of what programs import. */
export interface ReaderAccess {
  /** The memory as a DataView: always one, so that the compiler need not look whether it is. */
  view(reader: ReaderBase): DataView
  /** The same memory as a Buffer. */
  bytes(reader: ReaderBase): Buffer
  /** The number of the first hot record. */
  hotFirst(reader: ReaderBase): number
  /** How many records from that one on are hot. */
  hotCount(reader: ReaderBase): number
  /** The first hot record's byte position; the last one, too, ends below 2^31. */
  hotAt(reader: ReaderBase): number
  /**
   * Finds a record which is not hot: points view and bytes at its memory. @returns its byte position there, below 2^31.
   * Throws where there is no such record.
   */
  locate(reader: ReaderBase, n: number): number
  /** What `get` does for a record that is not hot. */
  get(reader: ReaderBase, n: number): unknown
  /** What `locate` and `get` call from now on. */
  call(reader: ReaderBase, locate: (n: number) => number, get: (n: number) => unknown): void
  point(reader: ReaderBase, view: DataView, bytes: Buffer): void
  /** So many records of the memory are hot, from the first one's position on. */
  heat(reader: ReaderBase, first: number, count: number, at: number): void
  /** Nothing is hot, and no memory is kept. */
  cool(reader: ReaderBase): void
}

export let readerAccess: ReaderAccess

const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))
const NO_BYTES: Buffer = Buffer.alloc(0)

/** What a reader class is made from. */
export abstract class ReaderBase {
  #view = NO_VIEW
  #bytes = NO_BYTES
  #hotFirst = 0
  #hotCount = 0
  #hotAt = 0
  #locate: (n: number) => number = unset
  #get: (n: number) => unknown = unset

  abstract get(n: number): unknown
  abstract field(n: number, name: string): unknown

  static {
    readerAccess = {
      view: reader => reader.#view,
      bytes: reader => reader.#bytes,
      hotFirst: reader => reader.#hotFirst,
      hotCount: reader => reader.#hotCount,
      hotAt: reader => reader.#hotAt,
      locate: (reader, n) => {
        const call = reader.#locate
        return call(n)
      },
      get: (reader, n) => {
        const call = reader.#get
        return call(n)
      },
      call: (reader, locate, get) => {
        reader.#locate = locate
        reader.#get = get
      },
      point: (reader, view, bytes) => {
        reader.#view = view
        reader.#bytes = bytes
      },
      heat: (reader, first, count, at) => {
        reader.#hotFirst = first
        reader.#hotCount = count
        reader.#hotAt = at
      },
      cool: reader => {
        reader.#hotCount = 0
        reader.#view = NO_VIEW
        reader.#bytes = NO_BYTES
      },
    }
  }
}

function unset(): never {
  throw new InvariantError('a reader without functions that find records')
}

// As for rows: the arguments of a base class are its own affair.
export type ReaderBaseConstructor = abstract new (...args: never[]) => ReaderBase
