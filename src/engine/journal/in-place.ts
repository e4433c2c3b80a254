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
import { offsetOf } from '../format/addressing.ts'
import { corrupt } from '../format/identity.ts'
import { firstFrom } from '../numbers/sort-changes.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { changesByRecord } from './changes-by-record.ts'
import type { InPlaceRecords } from './frame-chain.ts'
import type { JournalBytes } from './journal-bytes.ts'
import type { JournalScan } from './journal-scan.ts'
import type { RecordsFile } from './net-changes.ts'
import { layReplaced } from './patch.ts'

const READ_BYTES = 512 * 1024

/** What stands for the file's bytes, by rising record numbers. */
export interface Substitutes {
  readonly numbers: ArrayLike<number>
  /** Makes of the file's bytes of record i what stands for them. */
  readonly put: (i: number, target: Buffer) => void
}

/** The CRC-32 of the records [from, to), some at a time; undefined where the file ends before. */
export function* checksumInPlace(
  { file, addressing }: RecordsFile,
  from: number,
  to: number,
  { numbers, put }: Substitutes,
): QuietSteps<number | undefined> {
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
    yield
  }
  return crc
}

/**
 * Compares what the frames of a journal say of records that lie in the file alone.
 *
 * @throws ERR_STRIDE_CORRUPT with the offset of the first record of a commit that differs; _IO
 */
export function* assertInPlace(store: RecordsFile, scan: JournalScan): QuietSteps<void> {
  const [first] = scan.inPlace
  if (first === undefined) return
  const replaced = yield* firstReplaced(store, scan, first)
  for (const { commitNumber, start, end, crc } of scan.inPlace) {
    if ((yield* checksumInPlace(store, start, end, replaced)) === crc) continue
    const what = `records ${start} to ${end - 1} are not what commit ${commitNumber} stored there`
    throw corrupt(store.file.path, offsetOf(store.addressing, start), what)
  }
}

/** What the first change of each record from that commit's on replaced, in its frame and those behind it. */
function* firstReplaced(
  { file, addressing: { recordSize } }: RecordsFile,
  scan: JournalScan,
  first: InPlaceRecords,
): QuietSteps<Substitutes> {
  const changes = yield* changesByRecord(scan, recordSize, file.path, first)
  return {
    numbers: changes.numbers,
    put: (i, target) => {
      // What patches replaced is laid over what the file holds, the first change last (PA1).
      for (let k = changes.countOf(i) - 1; k >= 0; k--) {
        if (!layReplaced(changes.bytes as JournalBytes, changes.changeOf(i, k), target)) target.fill(0)
      }
    },
  }
}
