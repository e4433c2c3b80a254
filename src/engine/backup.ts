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
import type { PublishedState } from './publication.ts'
import { StoreBuilder } from './rebuild.ts'
import { fileEnd, readRoot } from './root.ts'
import { locatorOver, type StoreFile } from './store-file.ts'
import type { ProgressOptions } from './turns.ts'
import { verifyStore } from './verify.ts'
import { writeNew } from './write-beside.ts'

const RECORDS_A_TURN_BYTES = 4 * 1024 * 1024
const TRIES_MAX = 8

/** What is committed and in the file now. */
interface BackupState extends PublishedState {
  /** Whether some of it is not in the file, but in the journal that a dead writer left. */
  readonly isOverlaid: boolean
}

interface BackupSource {
  readonly file: StoreFile
  readonly locator: Locator
  readonly state: () => BackupState
  readonly target: string
}

/** @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO, _BUSY, _CLOSED; the signal's reason */
export async function backupStore(source: BackupSource, options: ProgressOptions): Promise<void> {
  const { platform } = source.file
  if (platform.exists(source.target)) {
    throw new StrideError('ERR_STRIDE_EXISTS', `The backup's target exists: ${source.target}`, {
      path: source.target,
    })
  }
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
    const { findings } = await verifyStore({ file: copy, locator, state: () => root, isWriter: false })
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
  const builder = new StoreBuilder(file, identity, source.locator.checksums.exists)
  await copyAll(source, builder, options)
  // From here on in one turn: no commit of this process comes in between, and one of another process counts only if
  // it was whole after the last record was copied.
  let after = state()
  while (builder.size < after.size) {
    while (builder.size < after.size) copyRun(source.locator, builder, after)
    after = state()
  }
  if (before.isOverlaid !== after.isOverlaid) return false
  if (after.isOverlaid) {
    builder.finish(after.commitNumber)
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
  builder.finish(after.commitNumber)
  return true
}

async function copyAll(
  { locator, state }: BackupSource,
  builder: StoreBuilder,
  options: ProgressOptions,
): Promise<void> {
  const perTurn = Math.max(1, Math.floor(RECORDS_A_TURN_BYTES / locator.addressing.stride))
  const { size: first } = state()
  // What is appended meanwhile is left for the last turn, as soon as it is no more than fits into one.
  while (builder.size < first || state().size - builder.size > perTurn) {
    options.signal?.throwIfAborted()
    const { size, isOverlaid } = state()
    const turnEnd = Math.min(size, builder.size + perTurn)
    while (builder.size < turnEnd) copyRun(locator, builder, { size: turnEnd, isOverlaid })
    options.progress?.(builder.size, size)
    await nextTurn()
  }
  options.signal?.throwIfAborted()
}

/** Copies records as they are in the file, without looking at what waits; or as a dead writer's journal has them. */
function copyRun(
  locator: Locator,
  builder: StoreBuilder,
  { size: end, isOverlaid }: Pick<BackupState, 'size' | 'isOverlaid'>,
): void {
  const { addressing, liveness, pool } = locator
  const n = builder.size
  if (isOverlaid) {
    const source = locator.run(n, end)
    if (source === undefined) builder.addDeleted()
    else builder.addRecords(source.bytes.subarray(locator.at, locator.at + locator.count * addressing.stride))
    return
  }
  if (liveness.isDeleted(n)) {
    builder.addDeleted()
    return
  }
  const stop = liveness.nextDeleted(n, end)
  const offset = addressing.dataOffset + n * addressing.stride
  const window = pool.acquire(offset, addressing.recordSize, (stop - n) * addressing.stride)
  const count = Math.min(stop - n, Math.floor((window.end - offset) / addressing.stride))
  const at = offset - window.start
  const { checksums } = locator
  builder.addRecords(window.bytes.subarray(at, at + count * addressing.stride), i => checksums.stored(n + i))
}
