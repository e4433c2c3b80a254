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

/** Bytes read at once when a whole range of bits is walked. */
const WALK_BYTES = 64 * 1024

export class Liveness extends SideTable {
  override bytesFor(capacity: number): number {
    return deletionBitmapBytes(capacity)
  }

  isDeleted(n: number): boolean {
    if (!this.exists) return false
    return ((this.#byteFor(n) >>> (n & 7)) & 1) === 1
  }

  /** The first deleted record number in [n, end), or end. */
  nextDeleted(n: number, end: number): number {
    return !this.exists ? end : this.#find(n, end, 0x00)
  }

  /** The first live record number in [n, end), or end. */
  nextLive(n: number, end: number): number {
    return !this.exists ? n : this.#find(n, end, 0xff)
  }

  /** The byte that holds the bits of records [8 * index, 8 * index + 8). */
  byteAt(index: number): number {
    return this.#byteFor(index * 8)
  }

  /** Walks from n on, passing bytes that are all `skip`, until a bit differs from it. */
  #find(n: number, end: number, skip: 0x00 | 0xff): number {
    let at = n
    while (at < end) {
      const byte = this.#byteFor(at, Math.ceil((end - at) / 8) + 1)
      if (byte === skip) {
        at += 8 - (at & 7)
        continue
      }
      if (((byte ^ skip) >>> (at & 7)) & 1) return at
      at++
    }
    return end
  }

  #byteFor(n: number, ahead = 1): number {
    const at = Math.floor(n / 8)
    const window = this.windowAt(at, 1, Math.min(ahead, WALK_BYTES))
    return (window.view as DataView).getUint8(this.offset + at - window.start)
  }
}

/** The error where a walk over all live records found another number of them than the root counts. */
export function miscounted({ offset }: Liveness, found: number, counted: number): StrideError {
  const message = `The live bits say that ${found} records are live, ${counted} are counted`
  return new StrideError('ERR_STRIDE_CORRUPT', message, { offset })
}
