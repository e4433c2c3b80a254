/**
 * Verifies the appended records that are in the data file but not in a frame, because a full tail was written in place.
 *
 *   IP1  the frame of such records has a CRC-32 over all of them. If the file differs, that is ERR_STRIDE_CORRUPT: the records were synced
 *        before the frame was written, so a whole frame without them is damage.
 *   IP2  later frames may be applied already, wholly or in part. Their before-images are therefore compared instead of the file's bytes.
 *   IP3  records that the same frame changes count as zeros, since the frame has their images.
 * Computing the checksum while records are stored: tail-store.ts. Frames of earlier versions have no checksum, and are not compared.
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

/** Records whose bytes are replaced before they are compared, in ascending order of their numbers. */
export interface Substitutes {
  readonly numbers: ArrayLike<number>
  /** Replaces the file's bytes of record i in `target`. */
  readonly put: (i: number, target: Buffer) => void
}

/** The CRC-32 of the records [from, to), computed in steps; undefined if the file ends before. */
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
 * Compares the records that are only in the data file with the checksums in the frames of a journal.
 *
 * @throws ERR_STRIDE_CORRUPT with the offset of the first record of a commit whose checksum differs; _IO
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

/** The before-images of the first change of each record, in the frame of `first` and later ones. */
function* firstReplaced(
  { file, addressing: { recordSize } }: RecordsFile,
  scan: JournalScan,
  first: InPlaceRecords,
): QuietSteps<Substitutes> {
  const changes = yield* changesByRecord(scan, recordSize, file.path, first)
  return {
    numbers: changes.numbers,
    put: (i, target) => {
      // Undoes the changes of the record in the file's bytes, from the last to the first (PA1).
      for (let k = changes.countOf(i) - 1; k >= 0; k--) {
        if (!layReplaced(changes.bytes as JournalBytes, changes.changeOf(i, k), target)) target.fill(0)
      }
    },
  }
}
