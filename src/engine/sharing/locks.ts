/**
 * Who may open a store? Locks of the operating system on the file `x.stride-lock` decide (S0, S1, S5).
 *
 * All of them are exclusive locks on single bytes (format/lock-file.ts).
 *   LK1  readers that ask for a writer never keep a writer out, however many ask. Most systems answer without a lock. On Windows, where
 *        asking takes a lock, a writer recognises such readers and waits for them.
 *   LK4  between two turns of writers (lock: 'transaction') nobody has the writer's lock, and the shared words stay valid by the handover
 *        of the last one (handover.ts).
 * Locks end with their process. The lock file is never renamed and never deleted, so that all openers have the same file.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { lockPathOf } from '../format/file-names.ts'
import { NETWORK_BYTE, READY_BYTE, WRITER_BYTE } from '../format/lock-file.ts'
import { type Handover, HandoverRecord } from './handover.ts'

const POLL_MS = 5
/** How long an opener waits at least, since a writer that has just ended may still hold its lock. */
const PATIENCE_MS = 25
/** How long readers that ask for a writer may keep a writer waiting (LK1). */
const READERS_MS_MAX = 10_000

export interface LockOptions {
  readonly writer: boolean
  readonly timeoutMs: number
  readonly mode: number | undefined
  /** Whether the caller promises that there is no other writer, in this process or another. */
  readonly isAlone: boolean
  /** The store's file, if it exists. A created lock file gets its owner and permission bits. */
  readonly like: PlatformFile | undefined
}

export class StoreLock {
  readonly #file: PlatformFile | undefined
  readonly #writer: boolean
  /** Whether another opening of this process holds the lock file. */
  readonly #isLent: boolean
  readonly #handover: HandoverRecord | undefined
  #isReleased = false

  private constructor(file: PlatformFile | undefined, writer: boolean, isLent = false) {
    this.#file = file
    this.#handover = file === undefined ? undefined : new HandoverRecord(file)
    this.#writer = writer
    this.#isLent = isLent
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

  /** The lock for another opening of this process, which reads and ends before this one. */
  lend(platform: Platform, path: string): StoreLock {
    if (!this.#writer) return new StoreLock(this.#file, false, true)
    // A lock is invisible to the handle that has it.
    return new StoreLock(platform.open(lockPathOf(path), { access: 'read', create: 'never' }), false)
  }

  /** Whether a process holds the writer's lock now. */
  isWriterAlive(): boolean {
    if (this.#writer) return true
    return this.#file?.isLocked(WRITER_BYTE) ?? false
  }

  /** The present state of the store's writer, in any process. 'ready' also between two turns (LK4). */
  writerState(): 'none' | 'opening' | 'ready' {
    if (this.#file === undefined) return 'none'
    if (this.#file.isLocked(READY_BYTE) || this.handover !== undefined) return 'ready'
    // A turn may have begun between the two looks.
    if (this.#file.isLocked(READY_BYTE)) return 'ready'
    return this.isWriterAlive() ? 'opening' : 'none'
  }

  /** What the last turn handed over, if its holder lives and no writer has begun since. */
  get handover(): Handover | undefined {
    return this.#handover?.read()
  }
  /** Whether that was this opener's turn. */
  get isOwnHandover(): boolean {
    return this.#handover?.isOwn ?? false
  }
  /** Called by a writer whose words are not valid yet, before it changes anything. */
  dropHandover(): void {
    if (this.handover !== undefined) this.#handover?.remove()
  }
  /** Called by a writer that continues where the last turn ended: the words stay valid. */
  takeOver(): void {
    this.announce()
    this.#handover?.remove()
  }
  /** Ends a turn. The words stay valid. */
  handOver(handover: Handover): void {
    this.#handover?.store(handover)
    this.retract()
    this.leaveTurn()
  }
  /** Takes the writer's lock for a turn, if it is free. */
  tryTurn(): boolean {
    return this.#file?.tryLock(WRITER_BYTE, 'exclusive') ?? false
  }
  leaveTurn(): void {
    this.#file?.unlock(WRITER_BYTE)
  }

  /** Called by the writer: its words in the shared page are valid from now on. */
  announce(): void {
    if (this.#file !== undefined) wait(this.#file, READY_BYTE, 0, 'Readers keep asking for the writer')
  }
  /** The words are not valid until the next announce(). Does nothing after release. */
  retract(): void {
    if (!this.#isReleased) this.#file?.unlock(READY_BYTE)
  }

  release(): void {
    this.#isReleased = true
    if (!this.#isLent) this.#file?.close()
  }
}

/** Refuses a writer if no lock can keep out a second one (S0). @throws ERR_STRIDE_NO_LOCK */
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

/** Undefined for a reader if there is no lock file and none can be created. Then there is no writer, either. */
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
