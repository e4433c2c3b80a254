/**
 * A frame's header says how many changes the frame has. What could go wrong: a header with a right checksum and an impossible
 * count, as a bug or an attacker would write it, makes opening ask for memory without bounds before the payload is looked at.
 * Rules: J3 of src/engine/journal/frame-read.ts.
 */

import { StrideError, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { FRAME_HEADER, FRAME_MAGIC, JOURNAL_HEADER } from '../../src/engine/format/journal-format.ts'
import { changesOf, type FrameHead } from '../../src/engine/journal/frame-read.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'

const PATH = '/bounds/x.stride'
const JOURNAL = `${PATH}-journal`
const Item = z.object({ id: z.uint32(), tag: u8() })
const INDEXES = { byId: { on: 'id', unique: true } } as const

const open = (files: Map<string, Uint8Array>, readOnly: boolean) =>
  openStoreOn(createSimulatedPlatform({ files }), PATH, Item, readOnly ? { readOnly } : { indexes: INDEXES })

/** What a killed process leaves: one frame that appends three records, and one that appends one and changes two. */
function left(): Map<string, Uint8Array> {
  const platform = createSimulatedPlatform()
  const store = openStoreOn(platform, PATH, Item, { indexes: INDEXES })
  store.appendMany([0, 1, 2].map(id => ({ id, tag: 0 })))
  store.commitSync()
  store.append({ id: 3, tag: 0 })
  store.update(0, { tag: 1 })
  store.delete(1)
  store.commitSync()
  const files = new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
  store.close()
  return files
}

/** Offsets of the frames. */
function framesOf(journal: Buffer): number[] {
  const offsets: number[] = []
  for (let at = JOURNAL_HEADER.size; at + FRAME_HEADER.size <= journal.length; at += 8) {
    if (journal.readUInt32LE(at) === FRAME_MAGIC) offsets.push(at)
  }
  return offsets
}

/** The same files, but for what one frame's header says; its checksum is right again. */
function withHead(
  files: Map<string, Uint8Array>,
  which: number,
  change: (head: FrameHead) => Partial<FrameHead>,
): Map<string, Uint8Array> {
  const journal = Buffer.from((files.get(JOURNAL) as Uint8Array).slice())
  const at = framesOf(journal)[which] as number
  const head = FRAME_HEADER.decode(journal.subarray(at, at + FRAME_HEADER.size))
  journal.set(FRAME_HEADER.encode({ ...head, ...change(head as FrameHead) } as typeof head), at)
  return new Map(files).set(JOURNAL, journal)
}

function codesOf(files: Map<string, Uint8Array>): string[] {
  return [true, false].map(readOnly => {
    try {
      open(files, readOnly).close()
      return 'opened'
    } catch (error) {
      return error instanceof StrideError ? error.code : String(error)
    }
  })
}

describe('how many changes a frame is taken to have', () => {
  const head = (given: Partial<FrameHead>): FrameHead => ({ ...({} as FrameHead), ...given })

  test('is what its header says, where the payload has room for it', () => {
    expect(changesOf(head({ changeCount: 0, size: 7, appendStart: 7, payloadBytes: 0 }), 5)).toBe(0)
    expect(changesOf(head({ changeCount: 2, size: 9, appendStart: 7, payloadBytes: 100 }), 5)).toBe(4)
    expect(changesOf(head({ changeCount: 0, size: 20, appendStart: 0, payloadBytes: 100 }), 5)).toBe(20)
  })

  test('is never more than the payload has room for', () => {
    expect(changesOf(head({ changeCount: 0, size: 21, appendStart: 0, payloadBytes: 100 }), 5)).toBe(20)
    expect(changesOf(head({ changeCount: 1, size: 2 ** 51, appendStart: 3, payloadBytes: 104 }), 5)).toBe(21)
    expect(changesOf(head({ changeCount: 0, size: 2 ** 51, appendStart: 0, payloadBytes: 4 }), 5)).toBe(0)
  })
})

describe('opening beside a journal whose frame', () => {
  test('says what it has is replayed', () => {
    const files = left()
    expect(framesOf(Buffer.from(files.get(JOURNAL) as Uint8Array)).length).toBe(2)
    expect(codesOf(withHead(files, 1, () => ({})))).toEqual(['opened', 'opened'])
  })

  test.each([0, 1])('claims appended records without number is refused as damaged, frame %i', which => {
    for (const more of [1, 1000, 2 ** 31, 2 ** 40]) {
      const claims = withHead(left(), which, ({ size }) => ({ size: size + more }))
      expect(codesOf(claims), `${more} more`).toEqual(['ERR_STRIDE_CORRUPT', 'ERR_STRIDE_CORRUPT'])
    }
  })

  test('claims more changes than its payload holds is refused as damaged, or was never a frame', () => {
    for (const more of [1, 1000, 2 ** 31, 2 ** 40]) {
      const claims = withHead(left(), 0, ({ changeCount }) => ({ changeCount: changeCount + more }))
      expect(codesOf(claims), `${more} more`).toEqual(['ERR_STRIDE_CORRUPT', 'ERR_STRIDE_CORRUPT'])
    }
  })
})
