/**
 * Backup: the committed records as a new store file, while the store stays open and goes on committing.
 *
 *   D9  the file is copied as it is, commits or not; then the journal's frames of all commits made meanwhile are laid
 *       over the copy, which makes it the state of the last of them, whole; it is verified before it gets its name.
 *   B2  an existing target is refused; aborting or failing leaves nothing.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import { createWindowPool } from '../mmap/windows.ts'
import { PAGE_BYTES } from './format.ts'
import { journalPathOf } from './journal/journal.ts'
import { commitsBetween } from './journal/journal-scan.ts'
import { collapse } from './journal/net-changes.ts'
import type { Locator } from './locator.ts'
import { lockPathOf } from './locks.ts'
import type { PublishedState } from './publication.ts'
import { StoreBuilder } from './rebuild.ts'
import { fileEnd, readRoot } from './root.ts'
import { locatorOver, type StoreFile } from './store-file.ts'
import type { ProgressOptions } from './turns.ts'
import { verifyStore } from './verify.ts'
import { writeNew } from './write-beside.ts'

const RECORDS_A_TURN_BYTES = 4 * 1024 * 1024
/** What is read between two looks at the writer's sequence. */
const RUN_BYTES = 256 * 1024
const TRIES_MAX = 8

/** What is committed and in the file now. */
interface BackupState extends PublishedState {
  /** Whether some of it is not in the file, but in the journal that a dead writer left. */
  readonly isOverlaid: boolean
}

interface BackupSource {
  readonly file: StoreFile
  /** Finds the records as they are now. */
  readonly locator: () => Locator
  readonly state: () => BackupState
  /** Runs a reading again until no commit of another process came between. */
  readonly consistently: <T>(read: () => T) => T
  readonly target: string
}

/** @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO, _BUSY, _CLOSED; the signal's reason */
export async function backupStore(source: BackupSource, options: ProgressOptions): Promise<void> {
  const { platform } = source.file
  refuseTarget(source)
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const isWhole = await writeNew(platform, source.target, async file => {
      if (!(await copyTo(source, file, options))) return false
      await verifyCopy(source, file, options)
      return true
    })
    if (isWhole) return
  }
  const message = `${TRIES_MAX} times the journal moved on while ${source.file.path} was copied`
  throw new StrideError('ERR_STRIDE_BUSY', message, { path: source.file.path })
}

/** What is there already is never replaced, nor is a name taken that the store, or the copy, gives another meaning. */
function refuseTarget({ file: { platform, path }, target }: BackupSource): void {
  const own = [path, journalPathOf(path), lockPathOf(path)]
  const taken = [target, journalPathOf(target)].find(name => own.includes(name) || platform.exists(name))
  if (taken === undefined) return
  throw new StrideError('ERR_STRIDE_EXISTS', `The backup's target exists: ${taken}`, { path: taken })
}

/** Looks at the whole copy before it gets its name. @throws ERR_STRIDE_CORRUPT naming the first thing that is wrong */
async function verifyCopy(source: BackupSource, file: PlatformFile, options: ProgressOptions): Promise<void> {
  const { addressing, windowBytes } = source.file
  const pool = createWindowPool(file, {
    windowBytes,
    mappedBytesMax: Number.POSITIVE_INFINITY,
    itemBytesMax: Math.max(addressing.recordSize, PAGE_BYTES),
    advice: 'sequential',
  })
  try {
    const root = readRoot(file, addressing)
    pool.setEnd(fileEnd(addressing, root))
    const copy = { ...source.file, file, pool, root }
    const locator = locatorOver(copy, 0, false)
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
      path: source.file.path,
      offset,
      ...(recordNumber === undefined ? {} : { recordNumber }),
    })
  } finally {
    pool.close()
  }
}

/** @returns whether the copy is the state of one commit; not where the journal let go of frames meanwhile */
async function copyTo(source: BackupSource, file: PlatformFile, options: ProgressOptions): Promise<boolean> {
  const { state } = source
  const { platform, path, identity, addressing } = source.file
  const before = state()
  const builder = new StoreBuilder(file, identity, source.locator().checksums.exists)
  await copyAll(source, builder, options)
  // From here on in one turn: no commit of this process comes in between, and one of another process counts only if
  // it was whole after the last record was copied.
  let after = state()
  while (builder.size < after.size) {
    while (builder.size < after.size) copyRun(source, builder, after.size)
    after = state()
  }
  if (before.isOverlaid !== after.isOverlaid) return false
  if (after.isOverlaid) {
    builder.finish(after)
    return before.commitNumber === after.commitNumber
  }
  const frames = commitsBetween(platform, path, identity, before.commitNumber, after.commitNumber)
  if (frames === undefined) return false
  if (frames.length > 0) {
    const net = collapse(frames, addressing.recordSize, journalPathOf(path))
    for (let i = 0; i < net.numbers.length; i++) {
      const source = net.sourceOf(i)
      const at = net.positionOf(i)
      const image = source?.bytes.subarray(at, at + addressing.recordSize)
      builder.replace(net.numbers[i] as number, image)
    }
  }
  builder.finish(after)
  return true
}

async function copyAll(source: BackupSource, builder: StoreBuilder, options: ProgressOptions): Promise<void> {
  const { state, file } = source
  const perTurn = Math.max(1, Math.floor(RECORDS_A_TURN_BYTES / file.addressing.stride))
  const { size: first } = state()
  // What is appended meanwhile is left for the last turn, as soon as it is no more than fits into one.
  while (builder.size < first || state().size - builder.size > perTurn) {
    options.signal?.throwIfAborted()
    const { size } = state()
    const turnEnd = Math.min(size, builder.size + perTurn)
    while (builder.size < turnEnd) copyRun(source, builder, turnEnd)
    options.progress?.(builder.size, size)
    await nextTurn()
  }
  options.signal?.throwIfAborted()
}

/** Some neighbours, copied; no bytes for a deleted record. */
interface CopiedRun {
  readonly bytes: Buffer | undefined
  readonly checksums: readonly number[]
}

/** Copies records as they are in the file, without looking at what waits; or as a dead writer's journal has them. */
function copyRun({ consistently, locator, state }: BackupSource, builder: StoreBuilder, end: number): void {
  const n = builder.size
  // Growth in another process moves the tables behind the array, and records come to lie where they were.
  const { bytes, checksums } = consistently(() => {
    const { isOverlaid } = state()
    return isOverlaid ? runUnderOverlay(locator(), n, end) : runInFile(locator(), n, end)
  })
  if (bytes === undefined) builder.addDeleted()
  else builder.addRecords(bytes, checksums.length === 0 ? undefined : i => checksums[i] as number)
}

function runUnderOverlay(locator: Locator, n: number, end: number): CopiedRun {
  const { stride } = locator.addressing
  const source = locator.run(n, Math.min(end, n + recordsOf(RUN_BYTES, stride)))
  if (source === undefined) return { bytes: undefined, checksums: [] }
  const { at, count } = locator
  return { bytes: Buffer.from(source.bytes.subarray(at, at + count * stride)), checksums: [] }
}

function runInFile({ addressing, liveness, checksums, pool }: Locator, n: number, end: number): CopiedRun {
  if (liveness.isDeleted(n)) return { bytes: undefined, checksums: [] }
  const { stride, dataOffset, recordSize } = addressing
  const stop = liveness.nextDeleted(n, Math.min(end, n + recordsOf(RUN_BYTES, stride)))
  const offset = dataOffset + n * stride
  const window = pool.acquire(offset, recordSize, (stop - n) * stride)
  const count = Math.min(stop - n, Math.floor((window.end - offset) / stride))
  const at = offset - window.start
  const bytes = Buffer.from(window.bytes.subarray(at, at + count * stride))
  const stored = checksums.exists ? Array.from({ length: count }, (_, i) => checksums.stored(n + i)) : []
  return { bytes, checksums: stored }
}

function recordsOf(bytes: number, stride: number): number {
  return Math.max(1, Math.floor(bytes / stride))
}
