/**
 * Where a record lives: arithmetic between record numbers and byte offsets.
 *
 * Pure functions over a data offset and a stride; nothing here touches a file or a window.
 *   AD1  offsets rise strictly with the record number and never fall into the header. Those of a flat file with a negative stride
 *        fall instead.
 *   AD2  every result is a safe integer: recordsMax bounds what a store may grow to.
 * Which record is live: deletion-bits.ts. What its bytes mean: schema/codec.ts.
 */

export interface Addressing {
  /** File offset of record 0, bytes. */
  readonly dataOffset: number
  /** Bytes from one record to the next; negative where each lies in front of the one before. */
  readonly stride: number
  /** Bytes of a record; at most the stride without its sign. */
  readonly recordSize: number
}

/** File offset of the first byte of record n. */
export function offsetOf(addressing: Addressing, n: number): number {
  return addressing.dataOffset + n * addressing.stride
}

/** How many records there may ever be: their deletion bits must stay at a safe offset too. */
export function recordsMax(addressing: Addressing): number {
  return Math.floor((Number.MAX_SAFE_INTEGER - addressing.dataOffset - 2 ** 40) / (addressing.stride + 1))
}

/** The first record that lies whole between these file offsets. */
export function firstRecordIn(addressing: Addressing, start: number, end: number): number {
  const { dataOffset, stride, recordSize } = addressing
  const from = stride > 0 ? start : end - recordSize
  return Math.max(0, Math.ceil((from - dataOffset) / stride))
}

/** One past the last record that lies whole between these file offsets. */
export function recordsEndIn(addressing: Addressing, start: number, end: number): number {
  const { dataOffset, stride } = addressing
  if (stride > 0) return recordsBefore(addressing, end)
  return Math.max(0, Math.floor((start - dataOffset) / stride) + 1)
}

/** One past the last record that lies whole before this file offset. */
export function recordsBefore(addressing: Addressing, offset: number): number {
  return Math.max(
    0,
    Math.floor((offset - addressing.dataOffset - addressing.recordSize) / addressing.stride) + 1,
  )
}

/** Refuses what cannot be a record number. @throws TypeError, RangeError */
export function checkRecordNumber(n: unknown): asserts n is number {
  if (typeof n !== 'number') throw new TypeError(`A record number must be a number: ${typeof n} ${String(n)}`)
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(`A record number must be a whole number from 0: ${n}`)
}
