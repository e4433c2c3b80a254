/**
 * What is a meaning? How the values of a kind are stored as something else.
 *
 *   ME1  what fits is read back as it was given: nothing is cut, rounded or wrapped.
 *   ME2  bytes that stand for no value are read as undefined, which the codecs report as damage.
 * Which kind has which: meanings.ts.
 */

import type { Reason } from './reasons.ts'

export interface Meaning {
  /** A value in words: 'a number'. */
  readonly expected: string
  /** Array of a column. */
  readonly array: 'Array' | 'Float64Array' | 'Uint32Array'
  /** Why a value cannot be stored; null where it can. Runs no code of the value. */
  reasonAgainst(value: unknown): Reason | null
  /** Stores a value that fits. */
  write(value: unknown, view: DataView, bytes: Buffer, at: number): void
  /** The value, of a time its milliseconds; undefined where the bytes stand for none. */
  read(view: DataView, bytes: Buffer, at: number): number | string | undefined
  /** Of a lenient kind: the code that stands for none. */
  readonly readCode?: (view: DataView, at: number) => number
}
