/**
 * What is a meaning? It says how values of a kind are stored as something else.
 *
 *   ME1  reading gives back a value that fits: nothing is cut, rounded or wrapped.
 *   ME2  bytes without a value are read as undefined, which the codecs report as damage.
 * The meaning of each kind: meanings-by-kind.ts.
 */

import type { Reason } from './reasons.ts'

export interface Meaning {
  /** A valid value in words: 'a number'. */
  readonly expected: string
  /** The array of a column. */
  readonly array: 'Array' | 'Float64Array' | 'Uint32Array'
  /** Why a value cannot be stored; null if it can. Runs no code of the value. */
  reasonAgainst(value: unknown): Reason | null
  /** Stores a value that fits. */
  write(value: unknown, view: DataView, bytes: Buffer, at: number): void
  /** The value, a time as milliseconds; undefined if the bytes have no value. */
  read(view: DataView, bytes: Buffer, at: number): number | string | undefined
  /** Only for lenient kinds: the stored code as a number. */
  readonly readCode?: (view: DataView, at: number) => number
}
