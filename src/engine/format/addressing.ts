/**
 * The file offset of a record: arithmetic between record numbers and byte offsets.
 *
 * Pure functions over a data offset and a stride; nothing here touches a file or a window.
 *   AD1  offsets rise strictly with the record number, and are never within the header. In a flat file with a negative stride they fall.
 *   AD2  every result is a safe integer: recordsMax bounds the size of a store.
 * Which record is live: deletion-bits.ts. What its bytes mean: schema/codec.ts.
 */

export interface Addressing {
  /** File offset of record 0, bytes. */
  readonly dataOffset: number
  /** Bytes from the start of one record to the next; negative if each record is in front of the one before it. */
  readonly stride: number
  /** Bytes of a record; at most the absolute stride. */
  readonly recordSize: number
}

/** File offset of the first byte of record n. */
export function offsetOf(addressing: Addressing, n: number): number {
  return addressing.dataOffset + n * addressing.stride
}

/** The largest possible number of records. Their deletion bits must have safe offsets, too. */
export function recordsMax(addressing: Addressing): number {
  return Math.floor((Number.MAX_SAFE_INTEGER - addressing.dataOffset - 2 ** 40) / (addressing.stride + 1))
}

/** The first record that is completely between these file offsets. */
export function firstRecordIn(addressing: Addressing, start: number, end: number): number {
  const { dataOffset, stride, recordSize } = addressing
  const from = stride > 0 ? start : end - recordSize
  return Math.max(0, Math.ceil((from - dataOffset) / stride))
}

/** The last record that is completely between these file offsets, plus 1. */
export function recordsEndIn(addressing: Addressing, start: number, end: number): number {
  const { dataOffset, stride } = addressing
  if (stride > 0) return recordsBefore(addressing, end)
  return Math.max(0, Math.floor((start - dataOffset) / stride) + 1)
}

/** The last record that is completely before this file offset, plus 1. */
export function recordsBefore(addressing: Addressing, offset: number): number {
  return Math.max(
    0,
    Math.floor((offset - addressing.dataOffset - addressing.recordSize) / addressing.stride) + 1,
  )
}

/** @throws TypeError, RangeError if the value cannot be a record number */
export function checkRecordNumber(n: unknown): asserts n is number {
  if (typeof n !== 'number') throw new TypeError(`A record number must be a number: ${typeof n} ${String(n)}`)
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(`A record number must be a whole number from 0: ${n}`)
}
