/**
 * How is a file of another program, with records of one size, read and changed in place?
 *
 *   FF1  only changed records are written, each to its own place. The file never changes its size.
 *   FF2  commit is durable but not atomic: a crash during it may leave some of its changes.
 * Where the records are: flat-file-addressing.ts.
 */

import { StrideError } from '../errors.ts'
import { backendOf, type ChosenPlatform, choosePlatform, insteadOfMapping } from '../mmap/choose-platform.ts'
import type { Platform, PlatformFile } from '../mmap/platform.ts'
import { createWindowPool } from '../mmap/window-pool/create-window-pool.ts'
import { NO_OPTIONS, type NoOptions } from '../options/option-table.ts'
import { checkPath } from '../options/shown-value.ts'
import type { AnySchema, Input, Output } from '../schema/index.ts'
import { Writer } from './commit/writer.ts'
import { Checksums } from './data-file/checksums.ts'
import { DeletionBits } from './data-file/deletion-bits.ts'
import { type FlatFilePlace, placeOf } from './flat-file-addressing.ts'
import { offsetOf } from './format/addressing.ts'
import { FLAT_FILE, type FlatFileOptions, type FlatFileSettings, windowSizes } from './opening/options.ts'
import { QueryableRecords } from './query/queryable-records.ts'
import { readerClassOf, sharedCodec } from './read/codecs.ts'
import { ColdSampling } from './read/cold-sampling.ts'
import { Numbering } from './read/numbering.ts'
import { Reading, type Source } from './read/reading.ts'
import { Locator } from './staging/locator.ts'
import { Staging } from './staging/staging.ts'
import { NOTHING_KEPT, readStats, type StoreStats } from './stats.ts'

/**
 * Opens any file of fixed-size records in place; nothing is converted. Close it at the end.
 *
 * @param options `offset` of record 0, `stride` and `count`, or a `header` that says them; `endian`, `readOnly`, and how to read
 * @throws {StrideError} ERR_STRIDE_NOT_FOUND, _PARTIAL_RECORD, _TRUNCATED, _CORRUPT (the header is impossible), _LAYOUT,
 *   _IS_DIRECTORY, _PERMISSION, _NOT_MAPPABLE, _IO
 * @throws TypeError, RangeError for invalid arguments; what a function of the header throws
 */
export function openFlatFile<S extends AnySchema, H extends AnySchema = AnySchema>(
  path: string,
  schema: S,
  options?: FlatFileOptions<H>,
): FlatFile<S, H> {
  checkPath(path, 'openFlatFile')
  return FlatFile.open(path, schema, FLAT_FILE.read(options, 'openFlatFile'))
}

/**
 * A file of fixed-size records that another program made, opened by `openFlatFile`. Its records are read like those of a store, and
 * changed in place.
 */
export class FlatFile<
  S extends AnySchema = AnySchema,
  H extends AnySchema = AnySchema,
> extends QueryableRecords<S> {
  readonly #reading: Reading<S>
  readonly #file: PlatformFile
  readonly #writer: Writer
  readonly #place: () => FlatFilePlace
  #header: Output<H>
  /** How the bytes are reached. */
  readonly backend: 'mapped' | 'file' | 'memory'
  #failure: unknown
  #syncs = 0
  #commits = 0
  #syncing: Promise<void> = Promise.resolve()

  private constructor(
    file: PlatformFile,
    source: Source<S>,
    backend: 'mapped' | 'file' | 'memory',
    place: () => FlatFilePlace,
    header: unknown,
  ) {
    const reading = new Reading(source)
    // It has one state: what is in the file now.
    super(reading, () => ({ indexes: undefined, frozen: () => undefined }))
    this.#reading = reading
    this.#file = file
    this.backend = backend
    this.#place = place
    this.#header = header as Output<H>
    const { codec, locator, path } = source
    this.#writer = new Writer({
      codec,
      locator,
      path,
      changed: reading.changed,
    })
  }

  /** @internal What openFlatFile calls. */
  static open<S extends AnySchema, H extends AnySchema>(
    path: string,
    schema: S,
    options: FlatFileSettings,
  ): FlatFile<S, H> {
    const codec = sharedCodec(schema, options)
    const { platform, file } = openFile(path, options)
    try {
      const { recordSize } = codec.layout
      const place = (): FlatFilePlace => placeOf(file, options, recordSize)
      const { addressing, count, end, header } = place()
      const sizes = windowSizes(options)
      const pool = createWindowPool(file, {
        ...sizes,
        itemBytesMax: recordSize,
        advice: options.advice,
      })
      pool.setEnd(end)
      const staging = new Staging(recordSize, count, options.stagedBytesMax)
      const locator = new Locator(addressing, pool, staging, new DeletionBits(pool), new Checksums(pool, false))
      const { windowBytes } = sizes
      const source: Source<S> = {
        path,
        codec: codec as Source<S>['codec'],
        addressing,
        pool,
        locator,
        windowBytes,
        follower: undefined,
        coldSampling: new ColdSampling(),
        numbering: new Numbering(),
      }
      const Reader = locator.isDense ? readerClassOf(FlatFile, codec) : FlatFile
      return new Reader(file, source, backendOf(platform), place, header) as FlatFile<S, H>
    } catch (error) {
      file.close()
      throw error
    }
  }

  /** Records in the file; none of them can be deleted. */
  override get count(): number {
    return this.size
  }
  /** Whether changes are refused with ERR_STRIDE_READ_ONLY. */
  get readOnly(): boolean {
    return this.#file.access === 'read'
  }

  /** The header, as it was at opening or at the last `refresh`; undefined if none was declared. */
  get header(): Output<H> {
    return this.#header
  }

  /**
   * Looks for records that another process has added. Changes of existing records are seen without it. Staged changes stay. If it
   * throws, nothing has changed.
   *
   * @returns how many records were added
   * @throws {StrideError} ERR_STRIDE_TRUNCATED if there are fewer records, _REPLACED if they are at another place (open the file
   *   again), _CLOSED; otherwise as `openFlatFile`
   */
  refresh(none?: NoOptions): number {
    NO_OPTIONS.read(none, 'refresh of a flat file')
    this.#reading.assertOpen()
    this.#writer.assertIdle('refresh')
    const { locator, pool, addressing } = this.#reading.source
    const { path } = this
    const now = this.#place()
    // A function of the header belongs to the caller, and may close the file.
    this.#reading.assertOpen()
    const { dataOffset, stride } = now.addressing
    if (dataOffset !== addressing.dataOffset || stride !== addressing.stride) {
      throw new StrideError('ERR_STRIDE_REPLACED', `The records of ${path} lie elsewhere now`, { path })
    }
    const added = now.count - this.size
    if (added < 0) {
      const message = `${path} has ${now.count} records, and had ${this.size} before`
      throw new StrideError('ERR_STRIDE_TRUNCATED', message, { path })
    }
    this.#header = now.header as Output<H>
    pool.setEnd(now.end)
    locator.staging.extend(now.count)
    this.#reading.changed()
    return added
  }

  /**
   * Stages new values for the named fields of record n.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD, _RECORD, _LIMIT (more is staged than `stagedBytesMax`), _READ_ONLY, _CLOSED, _POISONED
   */
  update(n: number, change: Partial<Input<S>>): void {
    this.#writable().update(n, change)
  }
  /** Stages a record in place of record n. @throws as `update` */
  put(n: number, record: Input<S>): void {
    this.#writable().put(n, record)
  }
  /** A flat file keeps its number of records. @throws {StrideError} ERR_STRIDE_LIMIT, always */
  append(_record: Input<S>): never {
    throw this.#fixedSize('append')
  }
  /** A flat file keeps its number of records. @throws {StrideError} ERR_STRIDE_LIMIT, always */
  appendMany(_records: Iterable<Input<S>>): never {
    throw this.#fixedSize('appendMany')
  }
  /** A flat file has no deletion bits. @throws {StrideError} ERR_STRIDE_LIMIT, always */
  delete(_n: number): never {
    throw this.#fixedSize('delete')
  }

  /**
   * Writes staged records in place and syncs. Durable, but not atomic: a crash before it resolves may leave some of them.
   * @throws {StrideError} ERR_STRIDE_IO, which poisons the file; _READ_ONLY, _CLOSED, _POISONED
   */
  async commit(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'commit of a flat file')
    this.#apply()
    // Syncs run one after the other, since a writeback error is reported only once for each descriptor.
    this.#syncing = this.#syncing.then(() => this.#syncAsync())
    await this.#syncing
  }
  /** Like `commit()`, but blocks until the sync has finished. @throws as `commit` */
  commitSync(none?: NoOptions): void {
    NO_OPTIONS.read(none, 'commitSync of a flat file')
    this.#apply()
    this.#syncs++
    try {
      this.#file.sync()
    } catch (error) {
      throw this.#poison(error)
    }
  }
  /** Drops staged changes. @throws {StrideError} ERR_STRIDE_READ_ONLY, _CLOSED, _POISONED */
  rollback(): void {
    this.#writable()
    this.#reading.source.locator.staging.rollback()
    this.#reading.changed()
  }

  /** Counters of windows, memory, page faults, syncs and commits, as a copy. @throws {StrideError} ERR_STRIDE_CLOSED */
  stats(): StoreStats {
    this.#reading.assertOpen()
    return readStats({
      kept: NOTHING_KEPT,
      backend: this.backend,
      pool: this.#reading.source.pool,
      staging: this.#reading.source.locator.staging,
      fileBytes: this.#file.size(),
      capacity: this.size,
      committing: {
        syncs: this.#syncs,
        commits: this.#commits,
        checkpoints: 0,
        commitWaits: 0,
        journalBytes: 0,
      },
      pendingIndexEntries: 0,
    })
  }

  /** Drops staged changes and closes the file. Rows and walks throw ERR_STRIDE_CLOSED afterwards. Idempotent. */
  close(): void {
    if (this.#reading.isClosed) return
    this.#writer.assertIdle('close')
    this.#reading.end()
    this.#reading.source.pool.close()
    const close = (): void => this.#file.close()
    void this.#syncing.then(close, close)
  }
  /** Like `close()`, but first waits for commits in flight, without blocking. */
  async closeAsync(): Promise<void> {
    if (this.#reading.isClosed) return
    this.#writer.assertIdle('closeAsync')
    await this.#syncing.catch(() => undefined)
    this.close()
  }
  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
  /** `closeAsync()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync()
  }

  #apply(): void {
    this.#writable()
    const { locator, pool, addressing } = this.#reading.source
    const { staging } = locator
    if (staging.isEmpty) return
    const changes = staging.stagedChanges()
    try {
      for (let i = 0; i < changes.numbers.length; i++) {
        const image = staging.imageOf(changes.slots[i] as number) as Buffer
        pool.store(image, offsetOf(addressing, changes.numbers[i] as number))
      }
    } catch (error) {
      throw this.#poison(error)
    }
    staging.seal()
    staging.applied(changes)
    this.#commits++
    this.#reading.changed()
  }

  async #syncAsync(): Promise<void> {
    this.#syncs++
    try {
      await this.#file.syncAsync()
    } catch (error) {
      throw this.#poison(error)
    }
  }

  #writable(): Writer {
    this.#reading.assertOpen()
    const { path } = this
    if (this.readOnly) {
      throw new StrideError('ERR_STRIDE_READ_ONLY', `${path} is open for reading only`, { path })
    }
    if (this.#failure !== undefined) {
      const message = `An earlier write to ${path} failed: ${String(this.#failure)}`
      throw new StrideError('ERR_STRIDE_POISONED', message, { path, cause: this.#failure })
    }
    this.#writer.assertIdle('A change, commit or rollback')
    return this.#writer
  }

  #poison(error: unknown): unknown {
    this.#failure ??= error
    return error
  }

  #fixedSize(call: string): StrideError {
    this.#reading.assertOpen()
    const { path } = this
    return new StrideError(
      'ERR_STRIDE_LIMIT',
      `${call} is not possible: a flat file keeps its records: ${path}`,
      { path },
    )
  }
}

/** Opens the file, mapped if that is possible, otherwise by position. */
function openFile(
  path: string,
  options: FlatFileSettings,
): { readonly platform: Platform; readonly file: PlatformFile } {
  const { backend } = options
  const access = options.readOnly ? 'read' : 'readwrite'
  const chosen = choosePlatform(backend, path)
  const how = { access, create: 'never', orDevice: true } as const
  const file = chosen.platform.open(path, how)
  let other: ChosenPlatform | undefined
  try {
    other = insteadOfMapping(chosen, backend, file)
  } catch (error) {
    file.close()
    throw error
  }
  if (other === undefined) return { platform: chosen.platform, file }
  file.close()
  return { platform: other.platform, file: other.platform.open(path, how) }
}
