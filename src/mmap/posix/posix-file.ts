/**
 * A file on Linux or macOS that can be mapped: regions and shared words over it end when it is closed.
 */

import { InvariantError } from '../../errors.ts'
import { checkRange } from '../bounds.ts'
import { DiskFile, type LockTable } from '../disk-file.ts'
import type { Access, Region, SharedWords } from '../platform.ts'
import { inPoolShare } from '../pool-share.ts'
import { reserveBlocks } from './allocation.ts'
import { MappedRegion } from './mapped-region.ts'
import { MappedWords } from './mapped-words.ts'
import type { SystemCalls } from './system-calls.ts'

export class PosixFile extends DiskFile {
  readonly #calls: SystemCalls
  /** Regions and words that show the file; they end with it. */
  readonly #shown = new Set<{ release(): void }>()

  constructor(calls: SystemCalls, path: string, fd: number, access: Access, locks: LockTable) {
    super(path, fd, access, locks)
    this.#calls = calls
  }

  reserve(capacity: number): Region {
    this.assertOpen()
    if (!Number.isSafeInteger(capacity) || capacity <= 0)
      throw new InvariantError(`A region of ${capacity} bytes`)
    const region = new MappedRegion(this.#calls, this, capacity, released => this.#shown.delete(released))
    this.#shown.add(region)
    return region
  }

  sharedWords(offset: number, count: number): SharedWords {
    this.assertOpen()
    const words = new MappedWords(this.#calls, this, offset, count)
    this.#shown.add(words)
    return words
  }

  readAhead(offset: number, length: number): void {
    this.assertOpen()
    checkRange(offset, length)
    const { POSIX_FADV_WILLNEED, F_RDADVISE } = this.#calls.abi
    // Advice is a wish: no answer is an error.
    if (POSIX_FADV_WILLNEED !== undefined)
      this.#calls.posixFadvise(this.fd, offset, length, POSIX_FADV_WILLNEED)
    else if (F_RDADVISE !== undefined) this.#calls.fcntl(this.fd, F_RDADVISE, radvisory(offset, length))
  }

  override async writeBack(offset: number, length: number): Promise<void> {
    this.assertOpen()
    checkRange(offset, length)
    const { SYNC_FILE_RANGE } = this.#calls.abi
    if (SYNC_FILE_RANGE === undefined) return
    // What it answers counts for nothing: the sync that follows reports what failed.
    await inPoolShare(() => this.#calls.syncFileRangeAsync(this.fd, offset, length, SYNC_FILE_RANGE))
  }

  override close(): void {
    for (const shown of [...this.#shown]) shown.release()
    super.close()
  }

  protected override reserveBlocks(offset: number, length: number): boolean {
    return reserveBlocks(this.#calls, this, offset, length)
  }
}

/** struct radvisory of macOS: i64 offset, i32 count. */
function radvisory(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(0, BigInt(offset), true)
  view.setInt32(8, Math.min(length, 0x7fffffff), true)
  return bytes
}
