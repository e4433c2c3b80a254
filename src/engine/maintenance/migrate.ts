/**
 * Migration: gives a store another schema. Its records are written into a new file, which then takes the name.
 *
 * Record numbers stay, and deleted records stay deleted. The old file is unchanged until the new one takes its name.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { createWindowPool } from '../../mmap/window-pool/create-window-pool.ts'
import type { SettledOptions } from '../../options/option-table.ts'
import { checkPath, shown } from '../../options/shown-value.ts'
import { unfinished } from '../../runtime/synchronous.ts'
import { type AnySchema, type Codec, codecOf, type Input } from '../../schema/index.ts'
import { miscounted } from '../data-file/deletion-bits.ts'
import { type Identity, newIdentity } from '../format/identity.ts'
import { fileEnd, newLineage, readRoot } from '../format/root.ts'
import { PAGE_BYTES } from '../format/store-format.ts'
import { definitionsFrom, definitionsText, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import { buildInMemory } from '../indexes/lifecycle/memory-indexes.ts'
import { freeNextIndexName } from '../indexes/lifecycle/next-index-file.ts'
import { INDEXED_STORE, MIGRATION, type MigrateOptions } from '../opening/options.ts'
import { locatorOver, openStoreFile, type StoreFile } from '../opening/store-file.ts'
import { Bell } from '../sharing/bell.ts'
import { refuseKept } from '../sharing/keepers.ts'
import { type Publisher, SAME_NUMBERS } from '../sharing/publication.ts'
import { runAtOnce, runInTurns, type Steps } from '../steps/steps.ts'
import { keepPositions } from '../tail/consumer-file.ts'
import { type WholeFile, writeWhole, writeWholeAsync } from '../whole-files/whole-file.ts'
import { StoreBuilder } from './store-builder.ts'

/** A record as the old schema decodes it. */
export type OldRecord = Record<string, unknown>

/** Makes the new record of an old one. */
type RecordMap<S extends AnySchema> = (record: OldRecord, recordNumber: number) => Input<S>

const BYTES_A_STEP = 1024 * 1024

/**
 * Gives the store at `path` another schema. Record numbers stay. Blocks, and holds the writer's lock. If it throws, the old file is
 * unchanged.
 *
 * @param map makes the new record of an old one; without it, fields of the same name are copied, and new fields need a default
 * @returns how many live records there are
 * @throws {StrideError} ERR_STRIDE_RECORD with the number of the first record that does not fit, _DUPLICATE_KEY if two records get the
 *   same key in a unique index, _SCHEMA_MISMATCH if a field of a unique index is missing, _BUSY, _NO_LOCK, _NO_SPACE, _IO; otherwise
 *   as `openStore`
 * @throws TypeError, RangeError for invalid arguments; what `map` or `progress` throws; the reason of `signal`
 */
export function migrateStore<S extends AnySchema>(
  path: string,
  schema: S,
  map?: RecordMap<S>,
  options?: MigrateOptions,
): number {
  const given = MIGRATION.read(options, 'migrateStore')
  const migration = begin(path, schema, map, given)
  const { old } = migration
  try {
    let live = 0
    const write = (file: PlatformFile): void => {
      live = runAtOnce(copyRecords(migration, file), given)
    }
    writeWhole(
      replacementOf(old, () => tellReaders(migration)),
      write,
    )
    return live
  } finally {
    end(migration)
  }
}

/** Like `migrateStore`, but works in turns of the event loop instead of blocking it. @throws as `migrateStore` */
export async function migrateStoreAsync<S extends AnySchema>(
  path: string,
  schema: S,
  map?: RecordMap<S>,
  options?: MigrateOptions,
): Promise<number> {
  const given = MIGRATION.read(options, 'migrateStoreAsync')
  const migration = begin(path, schema, map, given)
  const { old } = migration
  try {
    let live = 0
    const write = async (file: PlatformFile): Promise<boolean> => {
      live = await runInTurns(copyRecords(migration, file), given)
      return true
    }
    const replacing = (): void => {
      given.signal?.throwIfAborted()
      tellReaders(migration)
    }
    await writeWholeAsync(replacementOf(old, replacing), write)
    return live
  } finally {
    end(migration)
  }
}

function replacementOf({ platform, path, file, identity }: StoreFile, replacing: () => void): WholeFile {
  return { platform, path, access: file, storeId: identity.storeId, naming: 'replace', replacing }
}

interface Migration {
  readonly old: StoreFile
  /** Called at the end: consumers' positions stay until then. */
  release: () => void
  readonly codec: Codec<unknown>
  readonly map: (record: OldRecord, recordNumber: number) => unknown
}

/** Opens the old file for writing, which keeps other writers out. */
function begin<S extends AnySchema>(
  path: string,
  schema: S,
  map: RecordMap<S> | undefined,
  { align, endian, validate, lockTimeoutMs, lock }: SettledOptions<typeof MIGRATION>,
): Migration {
  checkPath(path, 'migrateStore')
  if (map !== undefined && typeof map !== 'function') {
    throw new TypeError(`migrateStore takes a function that makes the new records, then options: ${shown(map)}`)
  }
  const codec = codecOf(schema, { align, endian, validate }) as Codec<unknown>
  const old = openStoreFile(path, undefined, INDEXED_STORE.read({ lockTimeoutMs, lock }, 'migrateStore'))
  const publisher = old.publisher as Publisher
  const kept = (record: OldRecord): unknown =>
    Object.fromEntries(Object.entries(record).filter(([name]) => codec.hasField(name)))
  const migration = { old, release: () => undefined, codec, map: map === undefined ? kept : synchronously(map) }
  try {
    refuseKept(old.platform, old.path, 'migrateStore')
  } catch (error) {
    end(migration)
    throw error
  }
  publisher.publish(old.root)
  old.lock.announce()
  return migration
}

/** @throws TypeError if the function's work is not done when it returns */
function synchronously(map: Migration['map']): Migration['map'] {
  return (record, n) => {
    const made = map(record, n)
    const kind = unfinished(made)
    if (kind === undefined) return made
    throw new TypeError(
      `migrateStore takes a synchronous function, and for record ${n} this one returned ${kind}`,
    )
  }
}

/** From now on, readers that open the store wait until the lock is released. */
function tellReaders(migration: Migration): void {
  const { old } = migration
  migration.release = keepPositions(old, position => position)
  freeNextIndexName(old.platform, old.path, old.identity)
  old.lock.retract()
  old.publisher?.supersede(SAME_NUMBERS)
  try {
    // A keeper that comes later sees the word, and refuses.
    refuseKept(old.platform, old.path, 'migrateStore')
  } catch (error) {
    old.publisher?.reinstate(old.root)
    throw error
  }
}

function end({ old, release }: Migration): void {
  release()
  old.publisher?.close()
  old.pool.close()
  old.file.close()
  old.lock.release()
  // Followers meet the other schema now, and not at the next commit.
  const bell = new Bell(old.platform, old.path)
  bell.ring()
  bell.close()
}

/** @returns how many of the records are live */
function* copyRecords({ old, codec, map }: Migration, file: PlatformFile): Steps<number> {
  const { size, checksumsOffset } = old.root
  const kept = keptIndexes(old, codec)
  const { stride } = old.addressing
  const locator = locatorOver(old, 0, 'each')
  const identity = newIdentity(codec.layout, old.identity)
  const builder = new StoreBuilder(file, identity, checksumsOffset > 0)
  const bytes = Buffer.alloc(identity.recordSize)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const perStep = Math.ceil(BYTES_A_STEP / stride)
  let live = 0
  for (let n = 0; n < size; n++) {
    if (n % perStep === 0 && n > 0) yield { done: n, total: size }
    const source = locator.find(n, (size - n) * stride)
    if (source === undefined) {
      builder.addDeleted()
      continue
    }
    const record = old.codec.decode(source.view as DataView, source.bytes, locator.at) as OldRecord
    try {
      codec.encode(map(record, n), view, bytes, 0)
    } catch (error) {
      throw ofRecord(error, old.path, n)
    }
    builder.addRecords(bytes)
    live++
  }
  const counted = size - old.root.deletedCount
  if (live !== counted) throw miscounted(locator.deletionBits, live, counted)
  builder.finish({ ...old.root, lineage: newLineage(), definitions: definitionsText(kept) })
  for (const _ of checkUnique(old, codec, identity, file, kept)) yield { done: size, total: size }
  yield { done: size, total: size }
  return live
}

/**
 * The indexes that the new schema can have. Others are dropped with their fields. A unique index is not: the restriction that it makes
 * would silently end.
 * @throws ERR_STRIDE_SCHEMA_MISMATCH
 */
function keptIndexes({ root, path }: StoreFile, codec: Codec<unknown>): readonly IndexDefinition[] {
  return definitionsFrom(root.definitions, path).filter(({ name, on, unique }) => {
    const gone = on.find(field => !codec.hasField(field))
    if (gone === undefined || !unique) return gone === undefined
    const message = `The unique index '${name}' is on '${gone}', which the new schema does not have: drop the index first`
    throw new StrideError('ERR_STRIDE_SCHEMA_MISMATCH', message, { path, field: gone })
  })
}

/** Checks that the new records fit the unique indexes, which the next opener builds. @throws ERR_STRIDE_DUPLICATE_KEY, _LIMIT */
function* checkUnique(
  { path, windowBytes }: StoreFile,
  codec: Codec<unknown>,
  identity: Identity,
  file: PlatformFile,
  indexes: readonly IndexDefinition[],
): Steps<void> {
  const unique = indexes.filter(index => index.unique)
  if (unique.length === 0) return
  const { recordSize, dataOffset } = identity
  const addressing = { dataOffset, stride: recordSize, recordSize }
  const pool = createWindowPool(file, {
    windowBytes,
    mappedBytesMax: Number.POSITIVE_INFINITY,
    itemBytesMax: Math.max(recordSize, PAGE_BYTES),
    advice: 'sequential',
  })
  try {
    const root = readRoot(file, addressing)
    pool.setEnd(fileEnd(addressing, root))
    const locator = locatorOver({ addressing, pool, root, identity }, 0, 'never')
    const set = yield* buildInMemory({ path, identity, codec, locator, root }, unique)
    set.close()
  } finally {
    pool.close()
  }
}

/** Adds the record's number to a refusal. Other errors are returned unchanged. */
function ofRecord(error: unknown, path: string, recordNumber: number): unknown {
  if (!(error instanceof StrideError)) return error
  const { field, issues } = error
  const message = `Record ${recordNumber} does not fit the new schema: ${error.message}`
  return new StrideError(error.code, message, {
    path,
    recordNumber,
    ...(field === undefined ? {} : { field }),
    ...(issues === undefined ? {} : { issues }),
    // The error of a refused record needs no cause.
    ...(error.code === 'ERR_STRIDE_RECORD' ? {} : { cause: error }),
  })
}
