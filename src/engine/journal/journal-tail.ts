/**
 * Follows a journal that another process writes, from the last frame that was seen: for readers that need each commit's images.
 *
 * Looks where the next frame must begin, in the same group or on the next block. Where it is not there, because the segment is
 * left or the journal ended, the journal has to be scanned anew (journal-scan.ts).
 */

import type { Platform } from '../../mmap/platform.ts'
import type { Identity } from '../header.ts'
import { frameEnd, looksLikeFrame, readFrame } from './frame-read.ts'
import { journalPathOf } from './journal.ts'
import { FRAME_HEADER, roundToBlock } from './journal-format.ts'
import { readJournalHeader } from './journal-header.ts'
import type { Frame } from './journal-scan.ts'

/** Where a frame that was seen ends, as a file offset. */
export interface TailPlace {
  readonly salt: string
  readonly segment: number
  readonly commitNumber: number
  readonly end: number
}

const READ_BYTES = 32 * 1024

/** The place behind a frame of the journal with this salt. */
export function placeBehind({ head, offset, at }: Frame, salt: string): TailPlace {
  const { segment, commitNumber } = head
  return { salt, segment, commitNumber, end: offset + frameEnd(at, head) }
}

/** The commits behind a place, up to `upTo`. @returns undefined where they are not all found there */
export function commitsBehind(
  platform: Platform,
  path: string,
  identity: Identity,
  place: TailPlace,
  upTo: number,
): readonly Frame[] | undefined {
  if (place.commitNumber >= upTo) return []
  const journalPath = journalPathOf(path)
  if (!platform.exists(journalPath)) return undefined
  const file = platform.open(journalPath, { access: 'read', create: 'never' })
  try {
    const { salt } = readJournalHeader(file, identity)
    if (salt.toString('hex') !== place.salt) return undefined
    const frames: Frame[] = []
    const frameAt = (offset: number, commitNumber: number): Frame | undefined => {
      let bytes = Buffer.allocUnsafe(READ_BYTES)
      bytes = bytes.subarray(0, file.read(bytes, offset))
      if (!looksLikeFrame(bytes, 0, salt) || !FRAME_HEADER.isIntact(bytes.subarray(0, FRAME_HEADER.size))) {
        return undefined
      }
      const { payloadBytes } = FRAME_HEADER.decode(bytes)
      const length = FRAME_HEADER.size + payloadBytes
      if (length > bytes.length && offset + length <= file.size()) {
        bytes = Buffer.allocUnsafe(length)
        file.read(bytes, offset)
      }
      const head = readFrame(bytes, 0, salt)
      if (head?.commitNumber !== commitNumber || head.segment !== place.segment) return undefined
      return { head, bytes, at: 0, offset }
    }
    let { end } = place
    for (let next = place.commitNumber + 1; next <= upTo; next++) {
      const frame = frameAt(end, next) ?? frameAt(roundToBlock(end), next)
      if (frame === undefined) return undefined
      frames.push(frame)
      end = placeBehind(frame, place.salt).end
    }
    return frames
  } finally {
    file.close()
  }
}
