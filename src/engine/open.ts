/**
 * Opening a store: arguments checked, and waiting for another writer without blocking the event loop.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { StrideError } from '../errors.ts'
import type { Platform } from '../mmap/platform.ts'
import { type AnySchema, isSchema } from '../schema/index.ts'
import type { IndexDeclarations, NoIndexes } from './index-types.ts'
import { checkStoreOptions, type IndexedStoreOptions, type StoreOptions } from './options.ts'
import { Store } from './store.ts'

/**
 * Opens a store, and creates it if it is absent and a schema is given. Cost: the header and one root; nothing is
 * read of the records.
 *
 * @param schema a plain Zod object; left out, it is rebuilt from the file's header
 * @throws {StrideError} ERR_STRIDE_NOT_FOUND, _NOT_A_STORE, _FORMAT_NEWER, _CORRUPT, _TRUNCATED, _SCHEMA_MISMATCH, _LAYOUT,
 *   _BUSY, _IS_DIRECTORY, _PERMISSION, _NO_SPACE, _IO; TypeError or RangeError for options that cannot be meant
 */
export function openStore<S extends AnySchema, const I extends IndexDeclarations<S> = NoIndexes>(
  path: string,
  schema: S,
  options?: IndexedStoreOptions<I>,
): Store<S, I>
export function openStore(path: string, options?: IndexedStoreOptions): Store
export function openStore<S extends AnySchema>(
  path: string,
  schemaOrOptions?: S | StoreOptions,
  maybeOptions?: StoreOptions,
): Store<S> {
  if (typeof path !== 'string' || path === '') throw new TypeError(`A store's path is a text: ${String(path)}`)
  const isGiven = isSchema(schemaOrOptions)
  const schema = isGiven ? (schemaOrOptions as S) : undefined
  const given = isGiven ? undefined : (schemaOrOptions as StoreOptions | undefined)
  const options = given ?? maybeOptions ?? {}
  if (!isGiven && Object.values(options).some(isSchema)) {
    throw new TypeError('The schema is a Zod object: wrap its fields in z.object({ … })')
  }
  checkStoreOptions(options)
  if (isGiven) return Store.open(path, schema, options)
  try {
    return Store.open(path, schema, options)
  } catch (error) {
    throw schemaIsMissing(error, options) ?? error
  }
}

/** What an absent file means where no schema was given. */
function schemaIsMissing(error: unknown, options: StoreOptions): StrideError | undefined {
  if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NOT_FOUND') return undefined
  const { path = '' } = error
  const isCreatable = options.readOnly !== true && options.create !== false
  const advice = isCreatable ? ': give a schema to create it' : ''
  return new StrideError('ERR_STRIDE_NOT_FOUND', `${path} does not exist${advice}`, { path, cause: error })
}

/** @internal The same over a given platform: crash tests bring their own. `changesAtOnce`: see openStoreFile. */
export function openStoreOn<S extends AnySchema>(
  platform: Platform,
  path: string,
  schema: S | undefined,
  options: IndexedStoreOptions = {},
  changesAtOnce?: number,
): Store<S> {
  checkStoreOptions(options)
  return Store.open(path, schema, options, platform, changesAtOnce)
}

const POLL_MS = 10

/** The same; waits up to `lockTimeoutMs` for another writer without blocking the event loop. */
export async function openStoreAsync<S extends AnySchema, const I extends IndexDeclarations<S> = NoIndexes>(
  path: string,
  schema: S,
  options?: IndexedStoreOptions<I>,
): Promise<Store<S, I>>
export async function openStoreAsync(path: string, options?: IndexedStoreOptions): Promise<Store>
export async function openStoreAsync<S extends AnySchema>(
  path: string,
  schemaOrOptions?: S | StoreOptions,
  maybeOptions?: StoreOptions,
): Promise<Store<S>> {
  const schema = isSchema(schemaOrOptions) ? (schemaOrOptions as S) : undefined
  const given = (schema === undefined ? (schemaOrOptions as StoreOptions | undefined) : maybeOptions) ?? {}
  checkStoreOptions(given)
  const { lockTimeoutMs = 0, ...options } = given
  const deadline = Date.now() + lockTimeoutMs
  for (;;) {
    try {
      return schema === undefined
        ? (openStore(path, options) as unknown as Store<S>)
        : (openStore(path, schema, options) as unknown as Store<S>)
    } catch (error) {
      const isBusy = error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY'
      if (!isBusy || Date.now() >= deadline) throw error
      await sleep(POLL_MS)
    }
  }
}
