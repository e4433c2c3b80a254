/**
 * How is a store's file opened or created? Its identity is checked, the schema compared, locks are taken, and windows prepared.
 *
 *   OF2  a refused opening leaves every file unchanged.
 * Creating a file so that it appears whole (OF1): whole-file.ts.
 */

import { StrideError } from '../../errors.ts'
import { type ChosenPlatform, choosePlatform, insteadOfMapping } from '../../mmap/choose-platform.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { createWindowPool } from '../../mmap/window-pool/create-window-pool.ts'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import {
  type AnySchema,
  type Codec,
  diffLayouts,
  type Layout,
  layoutFromCanonical,
} from '../../schema/index.ts'
import type { ChecksumPolicy } from '../data-file/checked-records.ts'
import { Checksums } from '../data-file/checksums.ts'
import { DeletionBits } from '../data-file/deletion-bits.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { indexPathOf, journalPathOf, keptPathOf, nextIndexPathOf } from '../format/file-names.ts'
import { corrupt, type Identity, newIdentity, readIdentity, writeIdentity } from '../format/identity.ts'
import { FIRST_ROOT, fileEnd, type Root, readRoot, writeRoot } from '../format/root.ts'
import { IDENTITY_OFFSET, PAGE_BYTES, SHARED_OFFSET } from '../format/store-format.ts'
import { checkDefinitions, withDefinitions } from '../indexes/lifecycle/index-opening.ts'
import { assertInPlace } from '../journal/in-place.ts'
import { type JournalScan, scanJournal } from '../journal/journal-scan.ts'
import { rulesOf, sharedCodec, sharedCodecOf } from '../read/codecs.ts'
import { NOTHING_RECOVERED, type Recovery, recover, recoveryOf } from '../recovery/recovery.ts'
import { RECOVERY_LIMITS, type RecoveryLimits } from '../recovery/recovery-limits.ts'
import type { Replay } from '../recovery/replay.ts'
import type { Handover } from '../sharing/handover.ts'
import { assertLockable, StoreLock } from '../sharing/locks.ts'
import { openSharedWords, Publisher, syncedCommit } from '../sharing/publication.ts'
import { Locator } from '../staging/locator.ts'
import { Staging } from '../staging/staging.ts'
import { allSteps, type QuietSteps } from '../steps/steps.ts'
import { isCurrent } from '../whole-files/same-file.ts'
import { checkNameLength, removeLeftovers } from '../whole-files/temporary-files.ts'
import { writeWhole } from '../whole-files/whole-file.ts'
import { continued, type HandedOver } from './handed-over.ts'
import { indexDefinitions, type StoreSettings, windowSizes } from './options.ts'

/** Everything that belongs to one open file. */
export interface StoreFile {
  readonly path: string
  readonly platform: Platform
  /** Why 'auto' did not map the file. */
  readonly backendReason: string | undefined
  readonly file: PlatformFile
  readonly identity: Identity
  readonly codec: Codec<unknown>
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly windowBytes: number
  /** The valid root; for a reader, which follows others, the one at opening. */
  readonly root: Root
  readonly lock: StoreLock
  readonly limits: RecoveryLimits
  /** What opening for writing had to do. */
  readonly recovery: Recovery
  /** The replay of commits in the journal that are not in the file yet. */
  readonly replay?: Replay
  /** What the last turn handed over, if this opening continues it. `root` is then the present state. */
  readonly handedOver?: HandedOver
  /** Only for writing. It has published nothing yet. */
  readonly publisher: Publisher | undefined
}

/** Parts that the caller already has. */
export interface Held extends ChosenPlatform {
  readonly lock?: StoreLock
}

/** A byte far behind the end of the data file, which its writer locks. */
export const FILE_LOCK_BYTE = 2 ** 52

/** How recovery is made. */
export interface AskedRecovery {
  readonly limits?: Partial<RecoveryLimits>
  /** Whether storing changes into the file is always left to `replay`. */
  readonly isLeft?: boolean
  /** Whether it opens a turn, which may continue the last one. */
  readonly isTurn?: boolean
}

/**
 * Opens the file, or creates it if the options say so.
 * @throws ERR_STRIDE_NOT_FOUND, _NOT_A_STORE, _FORMAT_NEWER, _CORRUPT, _TRUNCATED, _SCHEMA_MISMATCH, _BUSY, _NO_LOCK,
 *   _IS_DIRECTORY, _PERMISSION, _NO_SPACE, _IO
 */
export function openStoreFile(
  path: string,
  schema: AnySchema | undefined,
  options: StoreSettings,
  held?: Held,
): StoreFile {
  return allSteps(openingStoreFile(path, schema, options, held, {}))
}

/** Like `openStoreFile`, in steps while a journal is read. */
export function* openingStoreFile(
  givenPath: string,
  schema: AnySchema | undefined,
  options: StoreSettings,
  held?: Held,
  asked: AskedRecovery = {},
): QuietSteps<StoreFile> {
  const { backend } = options
  let chosen: ChosenPlatform = held ?? choosePlatform(backend, givenPath)
  const { platform } = chosen
  const path = platform.resolve(givenPath)
  const writer = !options.readOnly
  const create = writer && (options.create ?? schema !== undefined)
  if (create && schema === undefined) throw new TypeError('Creating a store takes a schema')
  // An unfit schema or a foreign file is refused before a lock file is created beside it.
  const wanted = schema === undefined ? undefined : { schema, options, codec: sharedCodec(schema, options) }
  if (writer) checkNameLength(platform, path)
  const isAlone = options.lock === 'process'
  if (held?.lock === undefined) assertLockable(platform, path, { writer, isAlone })
  const found = platform.exists(path) || !create ? openChecked(platform, path, writer, wanted) : undefined
  let file = found?.file
  let lock: StoreLock | undefined
  try {
    const lockOptions = {
      writer,
      timeoutMs: options.lockTimeoutMs ?? 0,
      mode: options.mode,
      like: found?.file,
      isAlone,
    }
    lock = held?.lock ?? StoreLock.take(platform, path, lockOptions)
    const isFirst = writer && held?.lock === undefined
    const handover = isFirst && asked.isTurn === true ? lock.handover : undefined
    if (found !== undefined && file !== undefined && !isCurrent(platform, path, file)) {
      // The file was replaced while this opener waited.
      file.close()
      file = undefined
    }
    if (create && wanted !== undefined && !platform.exists(path))
      createStoreFile(platform, path, wanted.codec, options)
    // The process that gave the file its name may have died before the name was durable.
    else if (isFirst && handover === undefined) platform.syncFolder(path)
    let opened = file === undefined || found === undefined ? openChecked(platform, path, writer, wanted) : found
    file = opened.file
    const other = held === undefined ? insteadOfMapping(chosen, backend, file) : undefined
    if (other !== undefined) {
      file.close()
      file = undefined
      chosen = other
      opened = openChecked(chosen.platform, path, writer, wanted)
      file = opened.file
    }
    if (writer) lockFile(file)
    if (isFirst && handover === undefined) clearLeftovers(platform, path, opened.identity)
    return yield* assemble(path, chosen, opened, lock, options, asked, handover)
  } catch (error) {
    file?.close()
    if (lock !== held?.lock) lock?.release()
    throw error
  }
}

/**
 * Opens the file of a store once more, for reading, with windows of its own. It shares the lock, and ends before the store.
 * @returns undefined if the path names another file by now
 */
export function openAgain(opened: StoreFile, options: StoreSettings): StoreFile | undefined {
  const { platform, path, backendReason: reason, identity, codec, limits } = opened
  const file = platform.open(path, { access: 'read', create: 'never' })
  let lock: StoreLock | undefined
  try {
    if (file.identity() !== opened.file.identity()) {
      file.close()
      return undefined
    }
    const checked = { file, identity, codec }
    lock = opened.lock.lend(platform, path)
    return allSteps(assemble(path, { platform, reason }, checked, lock, options, { limits }))
  } catch (error) {
    file.close()
    lock?.release()
    throw error
  }
}

/** Removes leftovers of processes that died while they rewrote the store, its journal or its indexes. */
function clearLeftovers(platform: Platform, path: string, { storeId }: Identity): void {
  const beside = [journalPathOf, keptPathOf, indexPathOf, nextIndexPathOf]
  for (const name of [path, ...beside.map(pathOf => pathOf(path))]) removeLeftovers(platform, name, storeId)
}

/** The schema and options of the opener, and the codec of a file that it would create. */
interface Wanted {
  readonly schema: AnySchema
  readonly options: StoreSettings
  readonly codec: Codec<unknown>
}

interface Checked {
  readonly file: PlatformFile
  readonly identity: Identity
  readonly codec: Codec<unknown>
}

/** Opens an existing file and compares its identity with the schema. */
function openChecked(platform: Platform, path: string, writer: boolean, wanted: Wanted | undefined): Checked {
  const file = platform.open(path, { access: writer ? 'readwrite' : 'read', create: 'never' })
  try {
    const identity = readIdentity(file)
    const codec = codecFor(identity, wanted, path)
    checkLayout(identity, codec.layout, path)
    return { file, identity, codec }
  } catch (error) {
    file.close()
    throw error
  }
}

/** Checks that record size and fingerprint agree with the layout. @throws ERR_STRIDE_CORRUPT */
function checkLayout({ recordSize, fingerprint }: Identity, layout: Layout, path: string): void {
  if (layout.recordSize === recordSize && layout.fingerprint === fingerprint) return
  const what = `records of ${recordSize} bytes with the fingerprint ${fingerprint} beside a layout of ${layout.recordSize} bytes with ${layout.fingerprint}`
  throw corrupt(path, IDENTITY_OFFSET, `the identity page contradicts itself: ${what}`)
}

function* assemble(
  path: string,
  { platform, reason: backendReason }: ChosenPlatform,
  { file, identity, codec }: Checked,
  lock: StoreLock,
  options: StoreSettings,
  { limits: givenLimits, isLeft = false }: AskedRecovery,
  handover?: Handover,
): QuietSteps<StoreFile> {
  const { recordSize, dataOffset } = identity
  const addressing = { dataOffset, stride: recordSize, recordSize }
  const found = withDefinitions(readRoot(file, addressing), platform, path, identity)
  const sizes = windowSizes(options)
  const pool = createWindowPool(file, {
    ...sizes,
    itemBytesMax: Math.max(recordSize, PAGE_BYTES),
    advice: options.advice,
  })
  pool.setEnd(fileEnd(addressing, found))
  const { windowBytes } = sizes
  const limits = { ...RECOVERY_LIMITS, ...givenLimits }
  const opened = {
    path,
    platform,
    backendReason,
    file,
    identity,
    codec,
    addressing,
    pool,
    windowBytes,
    lock,
    limits,
  }
  if (options.readOnly) {
    return { ...opened, root: found, recovery: NOTHING_RECOVERED, publisher: undefined }
  }
  // A damaged file is refused before the first byte is changed (OF2). From then on readers wait.
  const words = openSharedWords(file)
  let scan: JournalScan | undefined
  let publisher: Publisher | undefined
  try {
    const handedOver = handover === undefined ? undefined : continued(opened, handover, words)
    if (handedOver !== undefined) {
      const { present: root } = handedOver
      pool.setEnd(fileEnd(addressing, root))
      publisher = Publisher.handedOver(words)
      return { ...opened, root, handedOver, recovery: NOTHING_RECOVERED, publisher }
    }
    scan = yield* scanJournal(platform, path, identity, found, syncedCommit(words), limits.journalBytesKept)
    yield* assertInPlace({ file, addressing }, scan)
    lock.dropHandover()
    publisher = Publisher.begun(words)
    const recovered = yield* recover({ ...opened, root: found, publisher }, scan, isLeft)
    if (recovered.replay === undefined) scan.close()
    return { ...opened, ...recovered, recovery: recoveryOf(scan), publisher }
  } catch (error) {
    scan?.close()
    if (publisher === undefined) words.close()
    else publisher.close()
    throw error
  }
}

/** The codec of the given schema if it has the file's layout; without a schema the file's own. `align` and `endian` may be left out. */
function codecFor(identity: Identity, wanted: Wanted | undefined, path: string): Codec<unknown> {
  const { fingerprint, canonicalLayout } = identity
  if (wanted === undefined) return sharedCodecOf(canonicalLayout)
  const { schema, options, codec } = wanted
  if (codec.layout.fingerprint === fingerprint) return codec
  const rules = rulesOf(schema, fingerprint)
  const [align, endian] = [options.align ?? rules?.align, options.endian ?? rules?.endian]
  if (rules !== undefined && align === rules.align && endian === rules.endian) {
    return sharedCodec(schema, { ...rules, validate: options.validate })
  }
  const differences = diffLayouts(layoutFromCanonical(canonicalLayout), codec.layout)
  const hint =
    rules === undefined ? '' : ` (its own are align '${rules.align}', endian '${rules.endian}': leave them out)`
  const message = `${path} was created with another layout than this schema has${hint}: ${differences.join('; ')}`
  throw new StrideError('ERR_STRIDE_SCHEMA_MISMATCH', message, { path })
}

/** Locks the data file itself, too, since two names of one file have two lock files. @throws ERR_STRIDE_BUSY */
function lockFile(file: PlatformFile): void {
  if (file.tryLock(FILE_LOCK_BYTE, 'exclusive')) return
  const message = `Another writer has the file of ${file.path} open, by another name or with another lock file`
  throw new StrideError('ERR_STRIDE_BUSY', message, { path: file.path })
}

function createStoreFile(
  platform: Platform,
  path: string,
  codec: Codec<unknown>,
  options: StoreSettings,
): void {
  const definitions = indexDefinitions(options)
  checkDefinitions(codec.layout, definitions)
  for (const beside of [journalPathOf(path), ...(definitions.length > 0 ? [indexPathOf(path)] : [])]) {
    if (!platform.exists(beside)) continue
    const message = `${path} is not there, but another store's file, or a foreign one, has the name of one beside it: ${beside}`
    throw new StrideError('ERR_STRIDE_EXISTS', message, { path: beside })
  }
  const identity = newIdentity(codec.layout)
  const { capacity } = options
  const addressing = { ...identity, stride: identity.recordSize }
  const arrayEnd = offsetOf(addressing, capacity)
  const checksumsOffset = options.checksums ? Math.ceil(arrayEnd / PAGE_BYTES) * PAGE_BYTES : 0
  const root = { ...FIRST_ROOT, capacity, checksumsOffset }
  const whole = { platform, path, access: options.mode, storeId: undefined, naming: 'create' } as const
  writeWhole(whole, file => {
    const end = Math.max(fileEnd(addressing, root), checksumsOffset + (checksumsOffset > 0 ? PAGE_BYTES : 0))
    if (options.allocate === 'sparse') file.resize(end)
    else file.allocate(0, end)
    writeIdentity(file, identity)
    writeHeaderPages(file, root)
  })
}

/** Stores both roots and an idle shared page into a new file. */
export function writeHeaderPages(file: PlatformFile, root: Root): void {
  file.store(new Uint8Array(PAGE_BYTES), SHARED_OFFSET)
  writeRoot(file, { ...root, rootNumber: root.rootNumber + 1 })
  writeRoot(file, root)
}

/**
 * The locator of an open file's records.
 * @param bytesMax bound on staged bytes
 * @param ownFrom records from this number on are stored by this process
 */
export function locatorOver(
  { addressing, pool, root, identity }: Pick<StoreFile, 'addressing' | 'pool' | 'root' | 'identity'>,
  bytesMax: number,
  policy: ChecksumPolicy,
  ownFrom = Number.POSITIVE_INFINITY,
): Locator {
  const deletionBits = new DeletionBits(pool)
  deletionBits.place(root.liveBitsOffset)
  const checksums = new Checksums(pool, identity.marksDeleted)
  checksums.place(root.checksumsOffset)
  const staging = new Staging(addressing.recordSize, root.size, bytesMax)
  return new Locator(addressing, pool, staging, deletionBits, checksums, policy, ownFrom)
}
