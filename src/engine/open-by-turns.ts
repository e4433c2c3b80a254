/**
 * How is a store opened that several processes write by turns (`lock: 'transaction'`)? For reading; the first turn opens it for writing,
 * too, and keeps it for the next ones (sharing/writer-turns.ts).
 *
 *   OB1  opening takes the writer's lock only if the store, or an index that the opener declares, has to be made.
 */

import { StrideError } from '../errors.ts'
import type { AnySchema } from '../schema/index.ts'
import { isSameDefinition } from './indexes/keys/index-definition.ts'
import type { OpenedStore } from './opening/opened-store.ts'
import { indexDefinitions, type StoreSettings } from './opening/options.ts'
import { TurnQueue } from './sharing/turn-queue.ts'
import { WriterTurns } from './sharing/writer-turns.ts'
import { type QuietSteps, stepsInTurns } from './steps/steps.ts'
import { Store, turnWriterOf } from './store.ts'

const TIMEOUT_MS = 5000

/** @throws as openStore */
export function* openByTurns<S extends AnySchema>(
  path: string,
  schema: S | undefined,
  options: StoreSettings,
): QuietSteps<Store<S>> {
  const lockTimeoutMs = options.lockTimeoutMs ?? TIMEOUT_MS
  const writing: StoreSettings = { ...options, lock: 'store', lockTimeoutMs: 0 }
  const reading: StoreSettings = { ...options, readOnly: true, create: false }
  const turnsOf = ({ session: { file } }: OpenedStore<S>): WriterTurns<Store<S>> =>
    new WriterTurns({
      path: file.path,
      lockTimeoutMs,
      queue: new TurnQueue(file.platform, file.path, file.file),
      // Whatever happens to the working folder or to the name, a turn writes the file that is read here.
      open: async () => {
        const turn = { ...writing, create: false }
        return turnWriterOf(await stepsInTurns(Store.opening<S>(file.path, schema, turn, { isTurn: true })))
      },
    })
  const read = (): QuietSteps<Store<S>> => Store.opening<S>(path, schema, reading, undefined, turnsOf)
  const make = function* (): QuietSteps<Store<S>> {
    const writer = yield* Store.opening<S>(path, schema, { ...writing, lockTimeoutMs })
    writer.close()
    return yield* read()
  }
  let store: Store<S>
  try {
    store = yield* read()
  } catch (error) {
    const isAbsent = error instanceof StrideError && error.code === 'ERR_STRIDE_NOT_FOUND'
    if (!isAbsent || schema === undefined || options.create === false) throw error
    store = yield* make()
  }
  const there = store.indexes
  const isMissing = indexDefinitions(options).some(
    wanted => !there.some(each => isSameDefinition(each, wanted)),
  )
  if (isMissing) {
    store.close()
    store = yield* make()
  }
  return store
}
