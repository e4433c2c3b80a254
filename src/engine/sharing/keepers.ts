/**
 * Which commits do kept snapshots of all processes still need? Each has a place in the store's lock file.
 *
 *   KW1  a place is a lock of the system, so it ends with its process. A dead process keeps nothing.
 *   KW2  a snapshot takes its place before it chooses its commit, and the writer looks at the places before it drops frames. The frames
 *        that it drops without seeing the place belong to commits that were visible earlier, which the snapshot does not need.
 * What the writer does for them: journal/kept-frames.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { lockPathOf } from '../format/file-names.ts'
import { FIRST_KEEPER_BYTE, KEEPERS, KEPT_COMMITS_AT } from '../format/lock-file.ts'

const NUMBER_BYTES = 8

/** The place of one kept snapshot. */
export class Keeper {
  readonly #file: PlatformFile
  readonly #place: number
  #isReleased = false

  private constructor(file: PlatformFile, place: number) {
    this.#file = file
    this.#place = place
    this.keep(0)
  }

  /**
   * Takes a place, which keeps everything until `keep`.
   * @param inProcess whether the writer is in this process
   * @throws ERR_STRIDE_NO_LOCK if no lock can tell a writer elsewhere, _BUSY if all places are taken, _PERMISSION, _IO
   */
  static take(platform: Platform, path: string, like: PlatformFile, inProcess: boolean): Keeper {
    const { lockObstacle } = platform
    if (lockObstacle !== undefined && !inProcess) {
      const message = `A snapshot of ${path} cannot be kept here, since nothing would tell its writer (${lockObstacle}): keep it in the process that writes, or leave keep out`
      throw new StrideError('ERR_STRIDE_NO_LOCK', message, { path })
    }
    const file = platform.open(lockPathOf(path), { access: 'readwrite', create: 'missing', like })
    try {
      for (let place = 0; place < KEEPERS; place++) {
        if (file.tryLock(FIRST_KEEPER_BYTE + place, 'exclusive')) return new Keeper(file, place)
      }
    } catch (error) {
      file.close()
      throw error
    }
    file.close()
    const message = `${KEEPERS} snapshots of ${path} are kept already: close one of them`
    throw new StrideError('ERR_STRIDE_BUSY', message, { path })
  }

  /** From now on it needs what later commits replace, and nothing older. */
  keep(commitNumber: number): void {
    const bytes = new Uint8Array(NUMBER_BYTES)
    new DataView(bytes.buffer).setFloat64(0, commitNumber, true)
    this.#file.store(bytes, KEPT_COMMITS_AT + this.#place * NUMBER_BYTES)
  }

  /** Idempotent. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    try {
      // The next one with this place must not begin with this number.
      this.keep(0)
    } catch (error) {
      if (!(error instanceof StrideError)) throw error
    }
    this.#file.close()
  }
}

/** The snapshots that are kept now, in all processes. */
export interface Kept {
  readonly count: number
  /** The lowest commit of them; undefined if there are none. */
  readonly since: number | undefined
}

const NOTHING_KEPT: Kept = { count: 0, since: undefined }

export function keptNow(platform: Platform, path: string): Kept {
  const lockPath = lockPathOf(path)
  if (!platform.exists(lockPath)) return NOTHING_KEPT
  const file = platform.open(lockPath, { access: 'read', create: 'never' })
  try {
    const bytes = new Uint8Array(KEEPERS * NUMBER_BYTES)
    let count = 0
    let since = Number.POSITIVE_INFINITY
    const commits = new DataView(bytes.buffer)
    for (let place = 0; place < KEEPERS; place++) {
      if (!file.isLocked(FIRST_KEEPER_BYTE + place)) continue
      // Only now, since the number is stored after the lock was taken.
      file.read(bytes, KEPT_COMMITS_AT)
      const commit = commits.getFloat64(place * NUMBER_BYTES, true)
      count++
      since = Math.min(since, Number.isSafeInteger(commit) && commit > 0 ? commit : 0)
    }
    return count === 0 ? NOTHING_KEPT : { count, since }
  } finally {
    file.close()
  }
}

/** @param what the call that gives records other numbers or another layout @throws ERR_STRIDE_BUSY if a snapshot is kept */
export function refuseKept(platform: Platform, path: string, what: string): void {
  const { count } = keptNow(platform, path)
  if (count === 0) return
  const which = count === 1 ? 'a snapshot is kept' : `${count} snapshots are kept`
  const message = `${what} would end what a kept snapshot reads, and ${which} of ${path}: close it first`
  throw new StrideError('ERR_STRIDE_BUSY', message, { path })
}
