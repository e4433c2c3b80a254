/**
 * Is a committed record live: one bit a record, set where it is deleted.
 *
 * The bits exist only once something was deleted. They lie behind the record array's capacity and are read
 * where they lie, through windows; a clear bit means live, so that freshly allocated zeros need no writing.
 *   DB1  bits at and beyond the committed size are clear.
 * Deletions that are only staged: staging.ts. Where the bits move when the store grows: space.ts. Who sets
 * them: apply.ts.
 */

import { StrideError } from '../../errors.ts'
import { deletionBitmapBytes } from '../format/side-table-sizes.ts'
import { SideTable } from './side-table.ts'

export class DeletionBits extends SideTable {
  override bytesFor(capacity: number): number {
    return deletionBitmapBytes(capacity)
  }

  isDeleted(n: number): boolean {
    if (!this.exists) return false
    const at = Math.floor(n / 8)
    return ((this.#byteOf(at) >>> (n & 7)) & 1) === 1
  }

  /** The first deleted record number in [n, end), or end. */
  nextDeleted(n: number, end: number): number {
    return !this.exists ? end : this.#find(n, end, 0x00)
  }

  /** The first live record number in [n, end), or end. */
  nextLive(n: number, end: number): number {
    return !this.exists ? n : this.#find(n, end, 0xff)
  }

  /** The byte that holds the bits of records [8 * index, 8 * index + 8), as it is in the file. */
  byteAt(index: number): number {
    const window = this.windowAt(index, 1)
    return (window.view as DataView).getUint8(this.offset + index - window.start)
  }

  /** The same; from the copy of a walk, if that has it. */
  #byteOf(index: number): number {
    if (index < this.copiedFrom || index >= this.copiedEnd) return this.byteAt(index)
    return this.copied(index, 1, index + 1)[index - this.copiedFrom] as number
  }

  /** The first record in [n, end) whose bit differs from those of `skip`, or end. */
  #find(n: number, end: number, skip: 0x00 | 0xff): number {
    const byteEnd = Math.ceil(end / 8)
    for (let at = n; at < end; ) {
      const byteAt = Math.floor(at / 8)
      const bytes = this.copied(byteAt, 1, byteEnd)
      const stop = Math.min(byteEnd, this.copiedEnd) - this.copiedFrom
      for (let i = byteAt - this.copiedFrom; i < stop; i++) {
        const different = ((bytes[i] as number) ^ skip) >>> (at & 7)
        // The lowest of the bits that are set.
        if (different !== 0) return Math.min(end, at + 31 - Math.clz32(different & -different))
        at += 8 - (at & 7)
      }
    }
    return end
  }
}

/** The error where a walk over all live records found another number of them than the root counts. */
export function miscounted({ offset }: DeletionBits, found: number, counted: number): StrideError {
  const message = `The deletion bits say that ${found} records are live, ${counted} are counted`
  return new StrideError('ERR_STRIDE_CORRUPT', message, { offset })
}
