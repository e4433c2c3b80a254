/**
 * How does a store read a record by its number? `get` and `field`, generated onto a class of the caller's.
 *
 * A reader keeps the memory of the record that it found last, and how far neighbouring records lie hot around it: there
 * a record is found by arithmetic. Its state is keyed by symbols, so that it is nobody else's affair.
 *   P1  while HOT_COUNT is 0 every record is asked for through READER_LOCATE. Whoever takes the memory away, or changes
 *       what lies there, sets it to 0 first; nothing else is looked at.
 *   P2  a class of its own for each layout: what the compiler learns at a call of `field` is then about that layout, and
 *       two stores of two schemas in one loop cost what two of one schema do (`npm run bench -- random-field`).
 *   P3  READER_LOCATE and READER_GET are called out of line (out-of-line.ts), so that loops have room for the rest.
 */

/** Key of the memory as a DataView: always one, so that the compiler need not look whether it is. */
export const READER_VIEW: unique symbol = Symbol('reader.view')
/** Key of the same memory as a Buffer. */
export const READER_BYTES: unique symbol = Symbol('reader.bytes')
/**
 * Key of the bound function that finds a record which is not hot: points view and bytes at its memory, and answers with its
 * byte position there, below 2^31. Throws where there is no such record.
 */
export const READER_LOCATE: unique symbol = Symbol('reader.locate')
/** Key of the bound function that does what `get` does for a record that is not hot. */
export const READER_GET: unique symbol = Symbol('reader.get')
/** Key of the number of the first hot record. */
export const HOT_FIRST: unique symbol = Symbol('hot.first')
/** Key of how many records from that one on are hot. */
export const HOT_COUNT: unique symbol = Symbol('hot.count')
/** Key of the first hot record's byte position; the last one, too, ends below 2^31. */
export const HOT_AT: unique symbol = Symbol('hot.at')

/** What a reader class is made from. */
export abstract class ReaderBase {
  /** @internal */
  abstract [READER_VIEW]: DataView
  /** @internal */
  abstract [READER_BYTES]: Buffer
  /** @internal */
  abstract [HOT_FIRST]: number
  /** @internal */
  abstract [HOT_COUNT]: number
  /** @internal */
  abstract [HOT_AT]: number
  /** @internal */
  abstract [READER_LOCATE]: (n: number) => number
  /** @internal */
  abstract [READER_GET]: (n: number) => unknown
  abstract get(n: number): unknown
  abstract field(n: number, name: string): unknown
}

// As for rows: the arguments of a base class are its own affair.
export type ReaderBaseConstructor = abstract new (...args: never[]) => ReaderBase
