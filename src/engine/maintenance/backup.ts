/**
 * Backup: copies the committed records of a store into a new store file, while commits continue.
 *
 *   D9  records are copied as they are in the file. Later commits may change records that were already copied. Their frames are read
 *       from the journal after each turn and applied to the copy, which ends in the state of the last of them. The copy is verified
 *       before it gets its name.
 *   BK2  an existing target is refused. An aborted or failed backup leaves no file.
 *   BK3  everything in a copy comes from one file. If another process replaces the store's file meanwhile (compact, migrateStore), the
 *        copy begins again. The open file shows that, since commit numbers do not distinguish the two files.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { createWindowPool } from '../../mmap/window-pool/create-window-pool.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Checksums } from '../data-file/checksums.ts'
import { indexPathOf, journalPathOf, keptPathOf, lockPathOf, nextIndexPathOf } from '../format/file-names.ts'
import { corrupt, readIdentity } from '../format/identity.ts'
import { fileEnd, newLineage, readRoot } from '../format/root.ts'
import { PAGE_BYTES } from '../format/store-format.ts'
import { definitionsText } from '../indexes/keys/index-definition.ts'
import { type Frame, visitChanges } from '../journal/frame-read.ts'
import { JournalTail } from '../journal/journal-tail.ts'
import { checksumOfPatch, layNew } from '../journal/patch.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import { locatorOver, type StoreFile } from '../opening/store-file.ts'
import type { PublishedState } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { ProgressOptions } from '../steps/progress-options.ts'
import { folderIsMissing } from '../whole-files/absent-folder.ts'
import { writeWholeAsync } from '../whole-files/whole-file.ts'
import { StoreBuilder } from './store-builder.ts'
import { verifyStore } from './verify.ts'

const RECORDS_A_TURN_BYTES = 4 * 1024 * 1024
/** How much is read between two checks of the writer's sequence. */
const RUN_BYTES = 256 * 1024
const TRIES_MAX = 8

/** The committed state that is in the file now. */
interface BackupState extends PublishedState {
  /** Whether a part of it is only in the journal of a dead writer. */
  readonly isOverlaid: boolean
}

interface BackupSource {
  /** The store's present file. */
  readonly file: () => StoreFile
  /** Whether another process writes. Changes in memory over the file are then committed ones. */
  readonly isReader: boolean
  /** The present locator of the records. */
  readonly locator: () => Locator
  readonly state: () => BackupState
  /** Runs a reading again until no commit of another process came between. */
  readonly consistently: <T>(read: () => T) => T
  /** The present definitions of the store's indexes, as in a root. */
  readonly definitions: () => string
  readonly target: string
}

/** @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO, _BUSY, _CLOSED; the reason of the signal */
export async function backupStore<S extends AnySchema>(
  store: OpenedStore<S>,
  path: string,
  options: ProgressOptions,
): Promise<void> {
  const { reading } = store
  // Commits that were acknowledged before the call must be in the copy, also if they are not in the file yet.
  await store.writer?.parts?.committer.flush()
  const definitionsNow = (): string =>
    reading.consistently(() => {
      store.session.indexes.now()
      return definitionsText(store.session.indexes.definitions)
    })
  const target = store.session.file.platform.resolve(path)
  const source: BackupSource = {
    file: () => store.session.file,
    isReader: store.writer === undefined,
    locator: () => reading.source.locator,
    state: () => {
      reading.prepare()
      return { ...store.session.publishedState, isOverlaid: store.session.isOverlaid }
    },
    consistently: read => reading.consistently(read),
    definitions: definitionsNow,
    target,
  }
  try {
    await copyStore(source, options)
  } catch (error) {
    throw folderIsMissing(error, target, 'written') ?? error
  }
}

async function copyStore(source: BackupSource, options: ProgressOptions): Promise<void> {
  const { platform, path } = source.file()
  refuseTarget(source)
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const write = async (file: PlatformFile): Promise<boolean> => {
      source.state()
      const copy = new Copy(source, source.file(), file)
      if (!(await copy.make(options))) return false
      await verifyCopy(copy.from, file, options)
      return true
    }
    const whole = {
      platform,
      path: source.target,
      access: undefined,
      storeId: source.file().identity.storeId,
      naming: 'create or nothing',
    } as const
    if (await writeWholeAsync(whole, write)) return
  }
  const message = `${path} changed so fast that ${TRIES_MAX} copies of it were overtaken: back it up when less is written`
  throw new StrideError('ERR_STRIDE_BUSY', message, { path })
}

/** Refuses an existing target, and names that have another meaning for the store or for the copy. */
function refuseTarget({ file, target }: BackupSource): void {
  const { platform, path } = file()
  const beside = [journalPathOf, keptPathOf, lockPathOf, indexPathOf, nextIndexPathOf]
  const own = [path, ...beside.map(pathOf => pathOf(path))]
  const taken = [target, journalPathOf(target)].find(name => own.includes(name) || platform.exists(name))
  if (taken === undefined) return
  throw new StrideError('ERR_STRIDE_EXISTS', `The backup's target exists: ${taken}`, { path: taken })
}

/** Verifies the whole copy before it gets its name. @throws ERR_STRIDE_CORRUPT with the first finding */
async function verifyCopy(from: StoreFile, file: PlatformFile, options: ProgressOptions): Promise<void> {
  const { addressing, windowBytes } = from
  const pool = createWindowPool(file, {
    windowBytes,
    mappedBytesMax: Number.POSITIVE_INFINITY,
    itemBytesMax: Math.max(addressing.recordSize, PAGE_BYTES),
    advice: 'sequential',
  })
  try {
    const root = readRoot(file, addressing)
    pool.setEnd(fileEnd(addressing, root))
    const copy = { ...from, file, pool, root, identity: readIdentity(file) }
    const locator = locatorOver(copy, 0, 'never')
    const { findings } = await verifyStore({
      file: copy,
      locator: () => locator,
      state: () => root,
      consistently: read => read(),
      isWriter: false,
    })
    const [first] = findings
    options.signal?.throwIfAborted()
    if (first === undefined) return
    const { code, message, offset, recordNumber } = first
    throw new StrideError(code, `Not backed up: ${message}`, {
      path: from.path,
      offset,
      ...(recordNumber === undefined ? {} : { recordNumber }),
    })
  } finally {
    pool.close()
  }
}

/** One attempt to copy one file. */
class Copy {
  /** The file that is copied. */
  readonly from: StoreFile
  readonly #source: BackupSource
  readonly #builder: StoreBuilder
  /** The state at the beginning. */
  readonly #first: BackupState
  readonly #tail: JournalTail
  /** The definitions of indexes at the beginning. */
  readonly #definitions: string

  constructor(source: BackupSource, from: StoreFile, target: PlatformFile) {
    this.from = from
    this.#source = source
    this.#first = source.state()
    this.#definitions = source.definitions()
    this.#tail = new JournalTail(from, this.#first.commitNumber)
    const identity = { ...from.identity, marksDeleted: true }
    this.#builder = new StoreBuilder(target, identity, source.locator().checksums.exists)
  }

  /** @returns whether the copy is the state of one commit; false if the file was replaced, or the journal reused the frames' space */
  async make({ signal, progress }: ProgressOptions): Promise<boolean> {
    const builder = this.#builder
    const perTurn = Math.max(1, Math.floor(RECORDS_A_TURN_BYTES / this.from.addressing.stride))
    for (;;) {
      signal?.throwIfAborted()
      const state = this.#stateNow()
      if (state === undefined) return false
      const isLast = state.size - builder.size <= perTurn
      const end = isLast ? state.size : builder.size + perTurn
      const laid = this.#copyUpTo(end) ? this.#layFrames() : undefined
      if (laid === undefined) return false
      // If another process has appended meanwhile, there is a little more to copy.
      if (isLast && builder.size === laid.size) {
        // If an index was created or dropped meanwhile, the records may not fit the definitions, since unique indexes restrict them.
        if (this.#source.definitions() !== this.#definitions) return false
        builder.finish({ ...laid, definitions: this.#definitions, lineage: newLineage() })
        progress?.(laid.size, laid.size)
        return true
      }
      if (isLast) continue
      progress?.(builder.size, state.size)
      await nextTurn()
    }
  }

  /** The present committed state; undefined if another file is open, or the journal of a dead writer has a new writer. */
  #stateNow(): BackupState | undefined {
    const state = this.#source.state()
    if (this.#source.file() !== this.from || state.isOverlaid !== this.#first.isOverlaid) return undefined
    return state.isOverlaid && state.commitNumber !== this.#first.commitNumber ? undefined : state
  }

  /** @returns false if another file was opened meanwhile */
  #copyUpTo(end: number): boolean {
    const builder = this.#builder
    while (builder.size < end) {
      const { bytes, checksums } = this.#read(builder.size, end)
      if (this.#source.file() !== this.from) return false
      if (bytes === undefined) builder.addDeleted()
      else builder.addRecords(bytes, checksums.length === 0 ? undefined : i => checksums[i] as number)
    }
    return true
  }

  /** Some committed records: from the file, or for a reader also from the changes over it in memory. */
  #read(n: number, end: number): CopiedRun {
    const { consistently, locator, isReader } = this.#source
    // If another process lets the store grow, the tables move, and records are stored over their old places.
    return consistently(() =>
      isReader ? runAsRead(locator().unchecked(), n, end) : runInFile(locator(), n, end),
    )
  }

  /** Applies frames up to the last commit to the copy. @returns its state; undefined if the journal lacks a frame */
  #layFrames(): BackupState | undefined {
    const state = this.#stateNow()
    if (state === undefined || state.isOverlaid) return state
    let frames: readonly Frame[] | undefined
    try {
      frames = this.#tail.read(state.commitNumber)
    } catch (error) {
      // It may be the journal of the next file, perhaps incomplete.
      if (this.#stateNow() === undefined) return undefined
      throw error
    }
    if (frames === undefined || this.#stateNow() === undefined) return undefined
    if (frames.length > 0) this.#lay(frames)
    return state
  }

  /** Applies frames to records that were already copied. Others are copied later in their new state. */
  #lay(frames: readonly Frame[]): void {
    const { path, addressing } = this.from
    const { recordSize } = addressing
    const record = Buffer.alloc(recordSize)
    for (const frame of frames) {
      const { bytes, head } = frame
      const isSound = visitChanges(frame, recordSize, change => {
        const { recordNumber: n, isDeleted, patchAt } = change
        if (n >= this.#builder.size) return
        if (isDeleted) {
          this.#builder.replace(n, undefined)
          return
        }
        if (patchAt >= 0) this.#builder.read(n, record)
        layNew(bytes, change, record)
        const checksum = patchAt < 0 ? undefined : checksumOfPatch(bytes, patchAt)
        this.#builder.replace(n, record, checksum)
      })
      if (!isSound) throw corrupt(journalPathOf(path), 0, `commit ${head.commitNumber} contradicts itself`)
    }
  }
}

/** Copies of neighbouring records. A deleted record has no bytes. */
interface CopiedRun {
  readonly bytes: Buffer | undefined
  readonly checksums: readonly number[]
}

function runAsRead(locator: Locator, n: number, end: number): CopiedRun {
  const { addressing, staging, checksums } = locator
  const { stride } = addressing
  const source = locator.run(n, Math.min(end, n + recordsOf(RUN_BYTES, stride)))
  const isInFile = checksums.exists && staging.find(n) === undefined
  if (source === undefined) {
    if (isInFile) locator.check(n)
    return { bytes: undefined, checksums: [] }
  }
  const { at, count } = locator
  const bytes = Buffer.from(source.bytes.subarray(at, at + count * stride))
  return { bytes, checksums: isInFile ? storedChecksums(checksums, n, count) : [] }
}

function runInFile(locator: Locator, n: number, end: number): CopiedRun {
  const { addressing, deletionBits, checksums, pool } = locator
  if (deletionBits.isDeleted(n)) {
    if (checksums.exists) locator.check(n)
    return { bytes: undefined, checksums: [] }
  }
  const { stride, dataOffset, recordSize } = addressing
  const stop = deletionBits.nextDeleted(n, Math.min(end, n + recordsOf(RUN_BYTES, stride)))
  const offset = dataOffset + n * stride
  const window = pool.acquire(offset, recordSize, (stop - n) * stride)
  const count = Math.min(stop - n, Math.floor((window.end - offset) / stride))
  const at = offset - window.start
  const bytes = Buffer.from(window.bytes.subarray(at, at + count * stride))
  return { bytes, checksums: checksums.exists ? storedChecksums(checksums, n, count) : [] }
}

function storedChecksums(checksums: Checksums, n: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => checksums.entryToCopy(n + i, count - i))
}

function recordsOf(bytes: number, stride: number): number {
  return Math.max(1, Math.floor(bytes / stride))
}
