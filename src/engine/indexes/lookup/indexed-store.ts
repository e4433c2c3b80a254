/**
 * What does an index need of the store that it belongs to?
 */

import type { AnySchema } from '../../../schema/index.ts'
import type { Numbering } from '../../read/numbering.ts'
import type { RecordSet } from '../../read/record-set.ts'
import type { KeyIndex } from './key-index.ts'

export interface IndexedStore<S extends AnySchema> {
  readonly records: RecordSet<S>
  readonly path: string
  /** Whether another process writes, so that what was read has to be looked at again. */
  readonly isFollowing: boolean
  /** The index as it is now. @throws RangeError, ERR_STRIDE_CLOSED */
  find(): KeyIndex
  /** Moves on whenever `find` may answer otherwise. */
  readonly epoch: { readonly value: number }
  /** Counts whatever may change what is found. */
  version(): number
  /** The numbers that records have now. */
  numbering(): Numbering
  /** Stages the deletion of the record that `find` finds, if any. @returns whether there was one @throws whatever forbids changes */
  delete(find: () => number): boolean
  /** Called with each record that a key led to; none where nobody wants to know. */
  readonly found?: ((n: number) => void) | undefined
  /** Runs `read` so that what it sees agrees with itself. */
  consistently<T>(read: () => T): T
  /** Runs several such readings, which all see the same commit. */
  together<T>(read: () => T): T
}
