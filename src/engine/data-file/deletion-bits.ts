/**
 * Is a committed record deleted? One bit for each record, set if it is.
 *
 * The bits exist only once something was deleted. They lie behind the capacity of the record array and are read in place, through
 * windows. A clear bit means live, so that newly allocated zeros need no writing.
 *   DB1  bits at and beyond the committed size are clear.
 * Staged deletions: staging.ts. Moving the bits when the store grows: space.ts. Setting them: apply.ts.
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

  /** The byte with the bits of records [8 * index, 8 * index + 8), as it is in the file. */
  byteAt(index: number): number {
    const window = this.windowAt(index, 1)
    return (window.view as DataView).getUint8(this.offset + index - window.start)
  }

  /** Likewise, but from the copy of a walk if that contains it. */
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
        // The lowest set bit.
        if (different !== 0) return Math.min(end, at + 31 - Math.clz32(different & -different))
        at += 8 - (at & 7)
      }
    }
    return end
  }
}

/** The error if a walk over all live records finds another number of them than the root's count. */
export function miscounted({ offset }: DeletionBits, found: number, counted: number): StrideError {
  const message = `The deletion bits say that ${found} records are live, ${counted} are counted`
  return new StrideError('ERR_STRIDE_CORRUPT', message, { offset })
}
