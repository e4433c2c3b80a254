/**
 * How does a program open a store? Arguments are checked here, and `openStoreAsync` waits for another writer without blocking.
 *
 * What opening does with the files: opening/store-file.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { StrideError } from '../errors.ts'
import type { Platform } from '../mmap/platform.ts'
import { checkPath, isPlainObject, shown } from '../options/shown-value.ts'
import { withCaller } from '../runtime/call-stack.ts'
import { Deadline } from '../runtime/monotonic.ts'
import { type AnySchema, isOldSchema, isSchema, refuseOldSchema } from '../schema/index.ts'
import type { IndexDeclarations, NoIndexes, OnlyKnownIndexes } from './indexes/index-types.ts'
import type { FoldPace } from './indexes/lifecycle/background-fold.ts'
import { openByTurns } from './open-by-turns.ts'
import {
  INDEXED_STORE,
  type IndexedStoreOptions,
  type StoreOptions,
  type StoreSettings,
} from './opening/options.ts'
import { checkShared, type SharedStore } from './opening/shared-store.ts'
import type { RecoveryLimits } from './recovery/recovery-limits.ts'
import { allSteps, type QuietSteps, stepsInTurns } from './steps/steps.ts'
import { Store } from './store.ts'
import { folderIsMissing } from './whole-files/absent-folder.ts'

/**
 * Opens a store, and creates it if it is absent and a schema is given. Close it at the end.
 *
 * Cost: reading the header and one root; no records. After a crash the journal is replayed, and new indexes are built, before it
 * returns; `openStoreAsync` does that in turns of the event loop.
 *
 * @param schema a plain Zod object; without it the schema is rebuilt from the file's header
 * @throws {StrideError} ERR_STRIDE_NOT_FOUND, _NOT_A_STORE, _FORMAT_NEWER, _CORRUPT, _TRUNCATED, _JOURNAL_MISSING, _SCHEMA_MISMATCH,
 *   _LAYOUT, _DUPLICATE_KEY (a new unique index), _BUSY, _NO_LOCK, _IS_DIRECTORY, _PERMISSION, _NOT_MAPPABLE, _NO_SPACE, _LIMIT, _IO
 * @throws TypeError, RangeError for invalid arguments
 */
export function openStore<S extends AnySchema, const I extends IndexDeclarations<S> = NoIndexes>(
  path: string,
  schema: S,
  options?: IndexedStoreOptions<I> & OnlyKnownIndexes<I>,
): Store<S, I>
export function openStore(path: string, options?: IndexedStoreOptions): Store
export function openStore<S extends AnySchema>(
  path: string,
  schemaOrOptions?: S | StoreOptions,
  maybeOptions?: StoreOptions,
): Store<S> {
  const opening = readArguments<S>('openStore', path, schemaOrOptions, maybeOptions)
  try {
    return allSteps(openAsTold<S>(opening, opening.options))
  } catch (error) {
    throw withCaller(error)
  }
}

/** The checked arguments of a call. */
interface Opening<S extends AnySchema> {
  readonly path: string
  readonly schema: S | undefined
  readonly options: StoreSettings
}

function readArguments<S extends AnySchema>(
  call: string,
  path: string,
  schemaOrOptions: unknown,
  maybeOptions: unknown,
): Opening<S> {
  checkPath(path, call)
  for (const given of [schemaOrOptions, maybeOptions]) refuseOldSchema(given, `The schema given to ${call}`)
  if (isSchema(schemaOrOptions)) {
    return { path, schema: schemaOrOptions as S, options: INDEXED_STORE.read(maybeOptions, call) }
  }
  if (isSchema(maybeOptions)) throw new TypeError(`${call} takes the schema before the options`)
  if (schemaOrOptions !== undefined && maybeOptions !== undefined) {
    throw new TypeError(`${call} takes a Zod object as its schema: ${shown(schemaOrOptions)}`)
  }
  const given = schemaOrOptions === undefined ? maybeOptions : schemaOrOptions
  if (isPlainObject(given) && hasSchema(given)) {
    throw new TypeError('The schema is a Zod object: wrap its fields in z.object({ … })')
  }
  return { path, schema: undefined, options: INDEXED_STORE.read(given, call) }
}

/** Whether fields were given without z.object() around them. Runs no getter. */
function hasSchema(given: object): boolean {
  const values = Object.values(Object.getOwnPropertyDescriptors(given))
  return values.some(({ value }) => isSchema(value) || isOldSchema(value))
}

function* openAsTold<S extends AnySchema>(
  { path, schema }: Opening<S>,
  options: StoreSettings,
): QuietSteps<Store<S>> {
  try {
    // Nobody else has a store in memory.
    const isByTurns = options.lock === 'transaction' && !options.readOnly && options.backend !== 'memory'
    if (isByTurns) return yield* openByTurns(path, schema, options)
    return yield* Store.opening<S>(path, schema, {
      ...options,
      lock: options.lock === 'process' ? 'process' : 'store',
    })
  } catch (error) {
    if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NOT_FOUND') throw error
    throw (
      folderIsMissing(error, path, 'opened') ?? (schema === undefined ? schemaIsMissing(error, options) : error)
    )
  }
}

/** The error for an absent file if no schema was given. */
function schemaIsMissing(error: StrideError, options: StoreSettings): StrideError {
  const { path = '' } = error
  const isCreatable = !options.readOnly && options.create !== false
  const advice = isCreatable ? ': give a schema to create it' : ''
  return new StrideError('ERR_STRIDE_NOT_FOUND', `${path} does not exist${advice}`, {
    path,
    cause: error.cause ?? error,
  })
}

/** @internal Like `openStore`, over a given platform, with given limits of recovery and pace of folds. For tests. */
export function openStoreOn<S extends AnySchema>(
  platform: Platform,
  path: string,
  schema: S | undefined,
  options?: IndexedStoreOptions,
  limits: Partial<RecoveryLimits> = {},
  pace: Partial<FoldPace> = {},
): Store<S> {
  const settings = INDEXED_STORE.read(options, 'openStore')
  return allSteps(Store.opening(path, schema, settings, { platform, limits, pace }))
}

/**
 * Opens the store of a handle for reading, with a mapping of its own: in a worker thread, or in another process. It follows the commits
 * of the writer. Close it at the end.
 * @param handle what `store.share()` returned, or a copy of it from a message
 * @param schema the store's schema, if the types of the handle were lost in a message; without it the file's own is used
 * @throws {StrideError} as `openStore`; TypeError for a value that is no handle
 */
export function openShared<S extends AnySchema, I = NoIndexes>(
  handle: SharedStore<S, I>,
  schema?: S,
): Store<S, I> {
  checkShared(handle as SharedStore<never, unknown>)
  const options = { ...handle.options, readOnly: true }
  const opening = readArguments<S>(
    'openShared',
    handle.path,
    schema ?? options,
    schema === undefined ? undefined : options,
  )
  try {
    return allSteps(openAsTold<S>(opening, opening.options)) as unknown as Store<S, I>
  } catch (error) {
    throw withCaller(error)
  }
}

const POLL_MS = 10

/**
 * Like `openStore`, but without blocking the event loop while it waits for another writer (up to `lockTimeoutMs`), replays the journal
 * of a crash, or builds indexes.
 * @throws as `openStore`
 */
export async function openStoreAsync<S extends AnySchema, const I extends IndexDeclarations<S> = NoIndexes>(
  path: string,
  schema: S,
  options?: IndexedStoreOptions<I> & OnlyKnownIndexes<I>,
): Promise<Store<S, I>>
export async function openStoreAsync(path: string, options?: IndexedStoreOptions): Promise<Store>
export async function openStoreAsync<S extends AnySchema>(
  path: string,
  schemaOrOptions?: S | StoreOptions,
  maybeOptions?: StoreOptions,
): Promise<Store<S>> {
  const opening = readArguments<S>('openStoreAsync', path, schemaOrOptions, maybeOptions)
  const { lockTimeoutMs = 0 } = opening.options
  const options = { ...opening.options, lockTimeoutMs: 0 }
  const deadline = new Deadline(lockTimeoutMs)
  for (;;) {
    try {
      return await stepsInTurns(openAsTold(opening, options))
    } catch (error) {
      const isBusy = error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY'
      if (!isBusy || deadline.isOver) throw withCaller(error)
      await sleep(POLL_MS)
    }
  }
}
