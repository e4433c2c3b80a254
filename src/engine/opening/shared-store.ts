/**
 * How does another thread or process of a program open the same store? By a handle that is sent in a message.
 *
 *   SH1  a handle holds a path and options, nothing that is open. It stays usable when the store is closed.
 * Opening it: openShared of open.ts.
 */

import { resolve } from 'node:path'
import { isPlainObject, shown } from '../../options/shown-value.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { NoIndexes } from '../indexes/index-types.ts'
import type { StoreOptions, StoreSettings } from './options.ts'

/** Names the property of types. */
declare const types: unique symbol

/** A store that can be opened elsewhere, from `store.share()`. It is a plain object: `postMessage`, `workerData` and JSON carry it. */
export interface SharedStore<S extends AnySchema = AnySchema, out I = NoIndexes> {
  /** The absolute path of the file. */
  readonly path: string
  /** Options of `openStore`. */
  readonly options: Pick<StoreOptions, 'backend' | 'windowBytes' | 'maxMappedBytes' | 'advice' | 'verifyReads'>
  /** The types of the store; there is no such property. */
  readonly [types]?: readonly [S, I]
}

/** The handle of a store. @throws TypeError for a store without a file */
export function shareStore<S extends AnySchema, I>(
  path: string,
  { backend, windowBytes, maxMappedBytes, advice, verifyReads }: StoreSettings,
  isInMemory: boolean,
): SharedStore<S, I> {
  if (isInMemory)
    throw new TypeError("A store with backend 'memory' has no file that another thread could open")
  const options = {
    backend,
    windowBytes,
    advice,
    // JSON has no Infinity.
    ...(maxMappedBytes === Number.POSITIVE_INFINITY ? {} : { maxMappedBytes }),
    ...(verifyReads === undefined ? {} : { verifyReads }),
  }
  return { path: resolve(path), options }
}

/** @throws TypeError for a value that is no handle */
export function checkShared(handle: SharedStore<never, unknown>): void {
  const given: unknown = handle
  if (isPlainObject(given) && typeof given.path === 'string' && isPlainObject(given.options)) return
  throw new TypeError(`openShared takes what store.share() returned: ${shown(given)}`)
}
