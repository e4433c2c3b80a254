/**
 * Who may have a store open: locks of the operating system on the file beside it, `x.stride-lock` (S0, S1, S5).
 *
 *   byte 0  held alone by the writer
 *   byte 1  held alone by any opener on a network file system, where one at a time is allowed
 *   byte 2  held alone by the writer while its words in the shared page tell what is committed
 *
 *   LK1  asking whether a process writes never keeps a writer out, however many readers ask: most systems are asked without
 *        taking anything; where one cannot be (Windows), a writer tells readers that ask from a writer, and waits for them.
 * The locks die with their process. The lock file is never renamed and never deleted, so that everybody who has
 * it open has the same one.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/block.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { lockPathOf } from '../format/file-names.ts'

const WRITER_BYTE = 0
const NETWORK_BYTE = 1
const READY_BYTE = 2
const POLL_MS = 5
/** A writer that has just ended may still hold its lock: longer than that is waited. */
const PATIENCE_MS = 25
/** So long readers may keep a writer waiting by asking for it (LK1). */
const READERS_MS_MAX = 10_000

export interface LockOptions {
  readonly writer: boolean
  readonly timeoutMs: number
  readonly mode: number | undefined
  /** Whether the caller says that nobody else writes, in this process or another. */
  readonly isAlone: boolean
  /** The store's file, where it is there: a lock file that is created is as its owner's. */
  readonly like: PlatformFile | undefined
}

export class StoreLock {
  readonly #file: PlatformFile | undefined
  readonly #writer: boolean
  #isReleased = false

  private constructor(file: PlatformFile | undefined, writer: boolean) {
    this.#file = file
    this.#writer = writer
  }

  /** Takes the locks that this opener needs. @throws ERR_STRIDE_NO_LOCK, _BUSY, _PERMISSION, _IO */
  static take(platform: Platform, path: string, options: LockOptions): StoreLock {
    assertLockable(platform, path, options)
    const file = openLockFile(platform, path, options)
    if (file === undefined) return new StoreLock(undefined, false)
    try {
      if (platform.isNetworkPath(path)) {
        wait(file, NETWORK_BYTE, options.timeoutMs, `Another process has ${path} open on a network file system`)
      }
      if (options.writer) wait(file, WRITER_BYTE, options.timeoutMs, `Another writer has ${path} open`)
    } catch (error) {
      file.close()
      throw error
    }
    return new StoreLock(file, options.writer)
  }

  /** Whether some process holds the writer's lock now. */
  isWriterAlive(): boolean {
    if (this.#writer) return true
    return this.#file?.isLocked(WRITER_BYTE) ?? false
  }

  /** What the writer of this store, in whatever process, is doing now. */
  writerState(): 'none' | 'opening' | 'ready' {
    if (this.#file === undefined) return 'none'
    if (this.#file.isLocked(READY_BYTE)) return 'ready'
    return this.isWriterAlive() ? 'opening' : 'none'
  }

  /** The writer says: its words in the shared page are true from now on. */
  announce(): void {
    if (this.#file !== undefined) wait(this.#file, READY_BYTE, 0, 'Readers keep asking for the writer')
  }
  /** They are not, until it announces again. Nothing after release. */
  retract(): void {
    if (!this.#isReleased) this.#file?.unlock(READY_BYTE)
  }

  release(): void {
    this.#isReleased = true
    this.#file?.close()
  }
}

/** Never a silent second writer (S0). @throws ERR_STRIDE_NO_LOCK */
export function assertLockable(
  { lockObstacle }: Platform,
  path: string,
  { writer, isAlone }: Pick<LockOptions, 'writer' | 'isAlone'>,
): void {
  if (!writer || isAlone || lockObstacle === undefined) return
  const alternatives = "open it with readOnly: true, or with lock: 'process' where nobody else writes it"
  const message = `${path} is not opened for writing, since nothing would keep out a second writer (${lockObstacle}): ${alternatives}`
  throw new StrideError('ERR_STRIDE_NO_LOCK', message, { path })
}

/** Undefined for a reader where there is no lock file and none may be made: then nobody can be writing here. */
function openLockFile(platform: Platform, path: string, options: LockOptions): PlatformFile | undefined {
  const { mode, like } = options
  const rights = like === undefined ? (mode === undefined ? {} : { mode }) : { like }
  try {
    return platform.open(lockPathOf(path), { access: 'readwrite', create: 'missing', ...rights })
  } catch (error) {
    if (options.writer || !(error instanceof StrideError)) throw error
  }
  try {
    return platform.open(lockPathOf(path), { access: 'read', create: 'never' })
  } catch (error) {
    if (error instanceof StrideError) return undefined
    throw error
  }
}

function wait(file: PlatformFile, byte: number, timeoutMs: number, complaint: string): void {
  const deadline = new Deadline(Math.max(PATIENCE_MS, timeoutMs))
  const readersDeadline = new Deadline(Math.max(READERS_MS_MAX, timeoutMs))
  while (!file.tryLock(byte, 'exclusive')) {
    if (deadline.isOver && (file.isLocked(byte) || readersDeadline.isOver)) {
      const message = timeoutMs > 0 ? `${complaint}, for ${timeoutMs} ms now` : complaint
      throw new StrideError('ERR_STRIDE_BUSY', message, { path: file.path })
    }
    blockFor(POLL_MS)
  }
}
