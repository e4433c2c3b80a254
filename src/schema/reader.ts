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
 *   RD5  if another process may change the memory, `isStill` is called after each read, and a value counts only if it says yes. The
 *        writer changes a word before it changes the memory, and never changes it back. So the read was not disturbed if the word
 *        has the value that it had when the record was found.
 */

import { InvariantError } from '../errors.ts'
import type { RecordBytes } from './row.ts'

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
  /** Does the work of `locate` after `isStill` said no: copies the record, so that no other process changes it. */
  settle(reader: ReaderBase, n: number): number
  /** Whether the memory is unchanged since it was found (RD5). */
  isStill(reader: ReaderBase): boolean
  /** The token on the memory: its view becomes null when the memory goes. */
  source(reader: ReaderBase): RecordBytes
  /** Sets the functions that `locate`, `get` and `settle` call. */
  call(
    reader: ReaderBase,
    locate: (n: number) => number,
    get: (n: number) => unknown,
    settle: (n: number) => number,
  ): void
  /** Points view and bytes at memory that no other process changes. The view of the source is not null. */
  point(reader: ReaderBase, source: RecordBytes): void
  /** Says that another process may change that memory, and changes word[0] first. `value`: of the word when the record was found. */
  watch(reader: ReaderBase, word: Int32Array, value: number): void
  /** Makes `count` records hot, the first one at byte position `at`. */
  heat(reader: ReaderBase, first: number, count: number, at: number): void
  /** Makes no record hot, and keeps no memory. */
  cool(reader: ReaderBase): void
}

export let readerAccess: ReaderAccess

const NO_BYTES: Buffer = Buffer.alloc(0)
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0))
const NO_SOURCE: RecordBytes = { view: null, bytes: NO_BYTES }
/**
 * Whether the processor keeps the order of loads. V8 keeps it, too, and drops no load from a buffer, since any two buffers may share
 * memory. An Atomics.load instead is a call: a random field took 1.8 times as long with it.
 */
const KEEPS_LOADS_IN_ORDER = process.arch === 'x64' || process.arch === 'ia32'
/** On other processors an atomic store orders the loads before it with an atomic load after it. */
const FENCE = new Int32Array(1)
/** The word of memory that no other process changes. */
const NO_WORD: Int32Array = new Int32Array(1)

/** The base of reader classes. */
export abstract class ReaderBase {
  #source = NO_SOURCE
  #view = NO_VIEW
  #bytes = NO_BYTES
  #word = NO_WORD
  #still = 0
  #hotFirst = 0
  #hotCount = 0
  #hotAt = 0
  #locate: (n: number) => number = unset
  #get: (n: number) => unknown = unset
  #settle: (n: number) => number = unset

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
      settle: (reader, n) => {
        const call = reader.#settle
        return call(n)
      },
      isStill: KEEPS_LOADS_IN_ORDER
        ? reader => reader.#word[0] === reader.#still
        : reader => {
            Atomics.exchange(FENCE, 0, 0)
            return Atomics.load(reader.#word, 0) === reader.#still
          },
      source: reader => reader.#source,
      call: (reader, locate, get, settle) => {
        reader.#locate = locate
        reader.#get = get
        reader.#settle = settle
      },
      point: (reader, source) => {
        reader.#source = source
        reader.#view = source.view as DataView
        reader.#bytes = source.bytes
        reader.#word = NO_WORD
        reader.#still = 0
      },
      watch: (reader, word, value) => {
        reader.#word = word
        reader.#still = value
      },
      heat: (reader, first, count, at) => {
        reader.#hotFirst = first
        reader.#hotCount = count
        reader.#hotAt = at
      },
      cool: reader => {
        reader.#hotCount = 0
        reader.#source = NO_SOURCE
        reader.#view = NO_VIEW
        reader.#bytes = NO_BYTES
        reader.#word = NO_WORD
        reader.#still = 0
      },
    }
  }
}

function unset(): never {
  throw new InvariantError('a reader without functions that find records')
}

// As for rows, a base class may have any arguments.
export type ReaderBaseConstructor = abstract new (...args: never[]) => ReaderBase
