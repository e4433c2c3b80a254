/**
 * Which key does a record have? The interface through which an index reads records.
 */

import type { RecordBytes } from '../../../schema/index.ts'
import type { KeyCodec } from './key-codec.ts'

/** Finds live records, as a Locator does. */
export interface RecordAccess {
  /** The bytes that contain live record n, at `at`; undefined if there is none. Valid until the next find. */
  find(n: number): RecordBytes | undefined
  readonly at: number
}

/** Whether record n is live and has this key. */
export function hasKey(records: RecordAccess, codec: KeyCodec, n: number, key: Uint32Array): boolean {
  const source = records.find(n)
  return source !== undefined && codec.matches(source.view as DataView, records.at, key)
}
