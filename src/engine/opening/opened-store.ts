/**
 * What does an opened store consist of? The source of its reads, and the session on its file.
 *
 * The whole session is replaced when compact of this process or another one replaces the file.
 */

import { StrideError } from '../../errors.ts'
import type { Platform } from '../../mmap/platform.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import { FOLD_PACE, type FoldPace } from '../indexes/lifecycle/background-fold.ts'
import { Reading } from '../read/reading.ts'
import type { RecoveryLimits } from '../recovery/recovery-limits.ts'
import type { StoreLock } from '../sharing/locks.ts'
import { allSteps, type QuietSteps } from '../steps/steps.ts'
import { indexDefinitions, type StoreSettings } from './options.ts'
import { ReaderSession } from './reader-session.ts'
import type { SessionSettings } from './session.ts'
import { openAgain, openingStoreFile, openStoreFile, type StoreFile } from './store-file.ts'
import { WriterSession } from './writer-session.ts'
import { sourceOf } from './writing-parts.ts'

/** Parts that tests of the engine pass in. */
export interface GivenParts {
  readonly platform?: Platform
  readonly limits?: Partial<RecoveryLimits>
  readonly pace?: Partial<FoldPace>
  /** Whether the store is opened for turns of writing. */
  readonly isTurn?: boolean
}

export class OpenedStore<S extends AnySchema> implements SessionSettings<S> {
  readonly reading: Reading<S>
  readonly options: StoreSettings
  readonly pace: FoldPace
  readonly isTurn: boolean
  readonly declared: Map<string, IndexDefinition>
  readonly epoch = { value: 0 }
  readonly #schema: S | undefined
  #session: WriterSession<S> | ReaderSession<S>
  /** Who wants to know of each commit of this process, and of the end. */
  readonly listeners = new Set<() => void>()
  /** Other openings by `beside`. */
  readonly #beside = new Set<OpenedStore<S>>()
  #closed = (): void => undefined

  /** `start` must follow, once a record set watches the reading. @throws as openStoreFile */
  static *open<S extends AnySchema>(
    path: string,
    schema: S | undefined,
    options: StoreSettings,
    { platform, limits = {}, pace = {}, isTurn = false }: GivenParts = {},
  ): QuietSteps<OpenedStore<S>> {
    const held = platform === undefined ? undefined : { platform }
    // The session makes the recovery, since its indexes need the journal, too.
    const file = yield* openingStoreFile(path, schema, options, held, { limits, isLeft: true, isTurn })
    return new OpenedStore(file, schema, options, { ...FOLD_PACE, ...pace }, isTurn)
  }

  private constructor(
    file: StoreFile,
    schema: S | undefined,
    options: StoreSettings,
    pace: FoldPace,
    isTurn = false,
  ) {
    this.isTurn = isTurn
    this.reading = new Reading(sourceOf<S>(file, options))
    this.options = options
    this.pace = pace
    this.declared = new Map(indexDefinitions(options).map(definition => [definition.name, definition]))
    this.#schema = schema
    this.#session = this.#newSession(file)
  }

  /**
   * The same store, opened once more by this process to read it, with windows of its own. It ends before this one.
   * @param ended called at its end
   * @throws as openStoreFile; ERR_STRIDE_SCHEMA_MISMATCH after migrateStore
   */
  beside(ended: () => void): OpenedStore<S> {
    const opened = this.#session.file
    const options = { ...this.options, create: false, readOnly: true }
    const { lock, platform, path } = opened
    const file = openAgain(opened, options) ?? this.#openReplacement(options, lock.lend(platform, path))
    const beside = new OpenedStore(file, this.#schema, options, this.pace)
    this.#beside.add(beside)
    beside.#closed = () => {
      this.#beside.delete(beside)
      ended()
    }
    return beside
  }

  readonly heard = (): void => {
    for (const listener of this.listeners) listener()
  }

  get path(): string {
    return this.reading.path
  }
  get session(): WriterSession<S> | ReaderSession<S> {
    return this.#session
  }
  /** The session, if this process writes. */
  get writer(): WriterSession<S> | undefined {
    return this.#session instanceof WriterSession ? this.#session : undefined
  }

  /** Starts the session. A step ends while a journal is read or indexes are built. */
  *start(): QuietSteps<void> {
    const session = this.#session
    try {
      yield* session.start()
    } catch (error) {
      this.reading.end()
      this.#closeBeside()
      this.#closed()
      session.abandon()
      session.file.lock.release()
      throw error
    }
  }

  reopen(): number {
    const { lock } = this.#session.file
    let file: StoreFile
    try {
      file = this.#openReplacement({ ...this.options, create: false }, lock)
    } catch (error) {
      this.reading.end()
      this.#closeBeside()
      lock.release()
      throw error
    }
    this.reading.attach(sourceOf<S>(file, this.options, this.reading.source.numbering.newest))
    this.#session = this.#newSession(file)
    allSteps(this.start())
    return file.identity.generation
  }

  close(): void {
    if (this.reading.isClosed) return
    this.#closeBeside()
    this.#closed()
    try {
      this.writer?.settle()
    } finally {
      this.reading.end()
      this.heard()
      try {
        this.#session.close()
      } finally {
        this.#session.file.lock.release()
      }
    }
  }

  /** Closes a store that rests between turns, which writes nothing. */
  release(): void {
    if (this.reading.isClosed) return
    this.#closeBeside()
    this.#closed()
    this.reading.end()
    try {
      this.writer?.release()
    } finally {
      this.#session.file.lock.release()
    }
  }

  /** Ends the openings that use the lock of this one, before it is released. */
  #closeBeside(): void {
    for (const beside of this.#beside) beside.close()
  }

  /** Opens the file that has the name now. */
  #openReplacement(options: StoreSettings, lock: StoreLock): StoreFile {
    const { platform, path, backendReason: reason, identity } = this.#session.file
    const file = openStoreFile(path, this.#schema, options, { lock, platform, reason })
    if (file.identity.fingerprint !== identity.fingerprint) throw migrated(file)
    return file
  }

  #newSession(file: StoreFile): WriterSession<S> | ReaderSession<S> {
    const { follower } = this.reading.source
    return follower === undefined ? new WriterSession(file, this) : new ReaderSession(file, follower, this)
  }
}

/** The error if the file has another layout now. The classes of its rows and walks were generated for the old one. */
function migrated(file: StoreFile): StrideError {
  const { path } = file
  file.pool.close()
  file.file.close()
  const message = `${path} was given another layout by migrateStore: open it again`
  return new StrideError('ERR_STRIDE_SCHEMA_MISMATCH', message, { path })
}
