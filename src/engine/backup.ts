/**
 * Backup: the committed records as a new store file, while the store stays open.
 *
 *   B1  the copy holds one commit, whole; from a read-only opener the copying is repeated if a commit came between.
 *   B2  an existing target is refused; aborting or failing leaves nothing.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../errors.ts'
import type { Locator } from './locator.ts'
import type { Follower } from './publication.ts'
import { StoreBuilder } from './rebuild.ts'
import { type StoreFile, writeWholeAsync } from './store-file.ts'

export interface BackupOptions {
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called after each part with records copied so far and in all, deleted ones included. */
  readonly progress?: (copied: number, total: number) => void
}

const RECORDS_A_TURN_BYTES = 4 * 1024 * 1024
const TRIES_MAX = 8

interface BackupSource {
  readonly file: StoreFile
  readonly locator: Locator
  readonly follower: Follower | undefined
  readonly commitNumber: () => number
  readonly target: string
}

/** @throws ERR_STRIDE_EXISTS, _NO_SPACE, _IO, _BUSY; the signal's reason */
export async function backupStore(source: BackupSource, options: BackupOptions): Promise<void> {
  const { platform } = source.file
  if (platform.exists(source.target)) {
    throw new StrideError('ERR_STRIDE_EXISTS', `The backup's target exists: ${source.target}`, {
      path: source.target,
    })
  }
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const before = source.follower?.settle()
    const isWhole = await writeWholeAsync(platform, source.target, async file => {
      const builder = new StoreBuilder(file, source.file.identity)
      await copyAll(source.locator, builder, options)
      builder.finish(source.commitNumber())
      return source.follower === undefined || source.follower.sequence() === before
    })
    if (isWhole) return
  }
  const message = `${TRIES_MAX} times a commit came while ${source.file.path} was copied`
  throw new StrideError('ERR_STRIDE_BUSY', message, { path: source.file.path })
}

async function copyAll(locator: Locator, builder: StoreBuilder, options: BackupOptions): Promise<void> {
  const { staging, addressing } = locator
  const end = staging.baseSize
  const perTurn = Math.max(1, Math.floor(RECORDS_A_TURN_BYTES / addressing.stride))
  while (builder.size < end) {
    options.signal?.throwIfAborted()
    const turnEnd = Math.min(end, builder.size + perTurn)
    while (builder.size < turnEnd) copyRun(locator, builder, turnEnd)
    options.progress?.(builder.size, end)
    await nextTurn()
  }
  options.signal?.throwIfAborted()
}

/** Copies committed records as they are in the file, without looking at what is staged. */
function copyRun(locator: Locator, builder: StoreBuilder, end: number): void {
  const { addressing, liveness, pool } = locator
  const n = builder.size
  if (liveness.isDeleted(n)) {
    builder.addDeleted()
    return
  }
  const stop = liveness.nextDeleted(n, end)
  const offset = addressing.dataOffset + n * addressing.stride
  const window = pool.acquire(offset, addressing.recordSize, (stop - n) * addressing.stride)
  const count = Math.min(stop - n, Math.floor((window.end - offset) / addressing.stride))
  const at = offset - window.start
  builder.addRecords(window.bytes.subarray(at, at + count * addressing.stride))
}
