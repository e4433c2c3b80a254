/**
 * The interface of a store or transaction to its indexes.
 */

import type { AnySchema } from '../../../schema/index.ts'
import type { Numbering } from '../../read/numbering.ts'
import type { RecordSet } from '../../read/record-set.ts'
import type { KeyIndex } from './key-index.ts'

export interface IndexedStore<S extends AnySchema> {
  readonly records: RecordSet<S>
  readonly path: string
  /** Whether another process writes, so that readings have to be checked and perhaps repeated. */
  readonly isFollowing: boolean
  /** The present index. @throws RangeError, ERR_STRIDE_CLOSED */
  find(): KeyIndex
  /** Changes whenever `find` may return another index. */
  readonly epoch: { readonly value: number }
  /** Changes whenever lookups may return other results. */
  version(): number
  /** The present numbering of records. */
  numbering(): Numbering
  /** Stages the deletion of the record that `find` returns, if any. @returns whether there was one @throws as `store.delete` */
  delete(find: () => number): boolean
  /** Called with each record that a lookup found. Set for a transaction, which notes its reads. */
  readonly found?: ((n: number) => void) | undefined
  /** Runs `read`, and repeats it until it has seen a single commit. */
  consistently<T>(read: () => T): T
  /** Runs several such readings, all at the same commit. */
  together<T>(read: () => T): T
}
