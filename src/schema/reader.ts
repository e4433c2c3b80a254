/**
 * How does a store read a record by its number? With `get` and `field`, which are generated into a subclass.
 *
 * A reader keeps the memory of the record that it found last, and the range of hot records around it. A hot record is found by
 * arithmetic.
 *   RD1  a record that is not hot is read through `locate` and `get`. Code that takes the memory away, or changes records in it, calls
 *        `cool` first; the reader checks nothing else.
 *   RD2  each layout has a class of its own, so that V8's type feedback for `field` is about one layout. Two stores of two schemas in
 *        one loop then cost as much as two stores of one schema (`npm run bench -- random-field`).
 *   RD3  `locate` and `get` are called out of line (out-of-line.ts), so that the fast path can be inlined into loops.
 *   RD4  the state is in private fields, and `readerAccess` is the only way to it (RO2 of row.ts).
 */

import { InvariantError } from '../errors.ts'

/** For the engine and generated code; never exported to programs. */
export interface ReaderAccess {
  /** The memory as a DataView. It is never null, so that the compiler need not check. */
  view(reader: ReaderBase): DataView
  /** The same memory as a Buffer. */
  bytes(reader: ReaderBase): Buffer
  /** The number of the first hot record. */
  hotFirst(reader: ReaderBase): number
  /** How many records are hot, from the first one on. */
  hotCount(reader: ReaderBase): number
  /** The byte position of the first hot record. The last one ends below 2^31. */
  hotAt(reader: ReaderBase): number
  /**
   * Finds a record that is not hot, and points view and bytes at its memory. Throws if there is no such record.
   * @returns its byte position there, below 2^31
   */
  locate(reader: ReaderBase, n: number): number
  /** Does the work of `get` for a record that is not hot. */
  get(reader: ReaderBase, n: number): unknown
  /** Sets the functions that `locate` and `get` call. */
  call(reader: ReaderBase, locate: (n: number) => number, get: (n: number) => unknown): void
  point(reader: ReaderBase, view: DataView, bytes: Buffer): void
  /** Makes `count` records hot, the first one at byte position `at`. */
  heat(reader: ReaderBase, first: number, count: number, at: number): void
  /** Makes no record hot, and keeps no memory. */
  cool(reader: ReaderBase): void
}

export let readerAccess: ReaderAccess

const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))
const NO_BYTES: Buffer = Buffer.alloc(0)

/** The base of reader classes. */
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

// As for rows, a base class may have any arguments.
export type ReaderBaseConstructor = abstract new (...args: never[]) => ReaderBase
