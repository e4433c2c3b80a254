/**
 * Whether the records that a frame has no images of lie in the file as they were committed.
 *
 *   IP1  the frame of such records holds a CRC-32 over all of them. A file where it differs is ERR_STRIDE_CORRUPT: the records
 *        were synced before the frame was written, so that a whole frame without them is damage.
 *   IP2  a later frame may have been applied already, or in part: its replaced images stand for what the file holds.
 *   IP3  records that the same frame changes count as zeros: it holds their images itself.
 * The checksum while records are stored: tail-store.ts. Frames of earlier versions have none, and are believed.
 */

import { crc32 } from 'node:zlib'
import type { PlatformFile } from '../../mmap/platform.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { corrupt } from '../format/identity.ts'
import { changesOf, copyReplacedAt, replacedBaseOf, visitChanges } from './frame-read.ts'
import type { Frame } from './journal-scan.ts'
import { lastOfEach } from './net-changes.ts'

const READ_BYTES = 1024 * 1024

/** Where records lie. */
interface RecordsFile {
  readonly file: PlatformFile
  readonly addressing: Addressing
}

/** Images that take the place of the file's, by rising record numbers. */
export interface Substitutes {
  readonly numbers: ArrayLike<number>
  /** Stores image i over the file's. */
  readonly put: (i: number, target: Buffer) => void
}

/** The CRC-32 of the records [from, to); undefined where the file ends before. */
export function checksumInPlace(
  { file, addressing }: RecordsFile,
  from: number,
  to: number,
  { numbers, put }: Substitutes,
): number | undefined {
  const { recordSize } = addressing
  const atOnce = Math.max(1, Math.floor(READ_BYTES / recordSize))
  const buffer = Buffer.allocUnsafe(Math.min(to - from, atOnce) * recordSize)
  let crc = 0
  let i = firstFrom(numbers, from)
  for (let n = from; n < to; n += atOnce) {
    const end = Math.min(to, n + atOnce)
    const bytes = buffer.subarray(0, (end - n) * recordSize)
    if (file.read(bytes, offsetOf(addressing, n)) < bytes.length) return undefined
    for (; i < numbers.length && (numbers[i] as number) < end; i++) {
      const at = ((numbers[i] as number) - n) * recordSize
      put(i, bytes.subarray(at, at + recordSize))
    }
    crc = crc32(bytes, crc)
  }
  return crc
}

/**
 * Compares what the frames of a journal say of records that lie in the file alone.
 *
 * @param sizeBefore record numbers in use before the first frame
 * @throws ERR_STRIDE_CORRUPT with the offset of the first record of a commit that differs; _IO
 */
export function assertInPlace(store: RecordsFile, frames: readonly Frame[], sizeBefore: number): void {
  const sizeAt = (i: number): number => (i === 0 ? sizeBefore : (frames[i - 1] as Frame).head.size)
  const isChecked = ({ head }: Frame, i: number): boolean =>
    head.hasInPlaceCrc === 1 && sizeAt(i) < head.appendStart
  const first = frames.findIndex(isChecked)
  if (first < 0) return
  const replaced = firstReplaced(store, frames, first, sizeAt(first))
  for (let i = first; i < frames.length; i++) {
    const frame = frames[i] as Frame
    if (!isChecked(frame, i)) continue
    const { commitNumber, appendStart, inPlaceCrc } = frame.head
    const start = sizeAt(i)
    if (checksumInPlace(store, start, appendStart, replaced) === inPlaceCrc) continue
    const what = `records ${start} to ${appendStart - 1} are not what commit ${commitNumber} stored there`
    throw corrupt(store.file.path, offsetOf(store.addressing, start), what)
  }
}

/** What the first change of each record from `lowest` on replaced, in the frames from `first` on. */
function firstReplaced(
  { file, addressing: { recordSize } }: RecordsFile,
  frames: readonly Frame[],
  first: number,
  lowest: number,
): Substitutes {
  const most = frames.slice(first).reduce((sum, { head }) => sum + changesOf(head, recordSize), 0)
  const list = new Float64Array(most)
  const frameOf = new Uint32Array(most)
  /** Where a whole image lies: the replaced one, or the new one that differs from it in a span; -1 for none. */
  const imageAt = new Float64Array(most)
  const spanAt = new Float64Array(most)
  let count = 0
  // The first change of a record stands last.
  for (let f = frames.length - 1; f >= first; f--) {
    const { bytes, at, head } = frames[f] as Frame
    const isSound = visitChanges(bytes, at, head, recordSize, change => {
      if (change.recordNumber < lowest) return
      list[count] = change.recordNumber
      frameOf[count] = f
      spanAt[count] = change.spanAt
      imageAt[count++] = replacedBaseOf(change)
    })
    if (!isSound) throw corrupt(file.path, at, `commit ${head.commitNumber} contradicts itself`)
  }
  const { numbers, entries } = lastOfEach(list.subarray(0, count), (frames.at(-1) as Frame).head.size)
  return {
    numbers,
    put: (i, target) => {
      const entry = entries[i] as number
      const { bytes } = frames[frameOf[entry] as number] as Frame
      const image = imageAt[entry] as number
      if (image < 0) target.fill(0)
      else copyReplacedAt(bytes, image, spanAt[entry] as number, target)
    },
  }
}

/** The first of the rising numbers that is not below n. */
function firstFrom(numbers: ArrayLike<number>, n: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) < n) low = middle + 1
    else high = middle
  }
  return low
}
