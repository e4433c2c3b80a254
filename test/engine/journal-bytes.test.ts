/**
 * A journal that was left is read in pieces. What could go wrong: bytes at the border of two pieces, a piece that was released and
 * has other bytes when it is read again, memory that is held and used for another piece.
 * Rules of src/engine/journal/journal-bytes.ts: JB1 to JB3.
 */

import fc from 'fast-check'
import { StrideError } from 'stridedb'
import { expect, test } from 'vitest'
import { JournalBytes, PIECE_BYTES } from '../../src/engine/journal/journal-bytes.ts'
import type { PlatformFile } from '../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { runSeed, seededRandom } from '../crash/random.ts'

const seed = runSeed()
const PATH = '/x.stride-journal'
const TWO_PIECES = 2 * PIECE_BYTES
const SIZE = 5 * PIECE_BYTES + 4096

function fileOf(content: Uint8Array): PlatformFile {
  const platform = createSimulatedPlatform({ files: new Map([[PATH, content]]) })
  return platform.open(PATH, { access: 'readwrite', create: 'never' })
}

function randomBytes(): Buffer {
  const random = seededRandom(seed)
  return Buffer.from(Uint8Array.from({ length: SIZE }, () => random.below(256)))
}

test('any range is found as it lies in the file, however few pieces are kept', () => {
  const content = randomBytes()
  const bytes = new JournalBytes(fileOf(content), { keptBytesMax: TWO_PIECES })
  const range = fc.tuple(fc.nat(SIZE - 1), fc.oneof(fc.nat(100), fc.nat(3 * PIECE_BYTES)))
  fc.assert(
    fc.property(range, ([at, wanted]) => {
      const length = Math.min(wanted, SIZE - at)
      const memory = bytes.find(at, length)
      expect(bytes.atOf(at, length)).toBe(bytes.at)
      const found = memory.bytes.subarray(bytes.at, bytes.at + length)
      expect(found.equals(content.subarray(at, at + length))).toBe(true)
      const stretch = bytes.stretchAt(at)
      const { bytes: whole } = bytes.find(at, stretch)
      expect(whole.subarray(bytes.at, bytes.at + stretch).equals(content.subarray(at, at + stretch))).toBe(true)
    }),
    { seed, numRuns: 500 },
  )
})

test('a piece that is read again and has other bytes is refused with its offset', () => {
  const file = fileOf(randomBytes())
  const bytes = new JournalBytes(file, { keptBytesMax: TWO_PIECES })
  for (let at = 0; at < SIZE; at += PIECE_BYTES) bytes.find(at, 1)
  file.store(Uint8Array.of(1, 2, 3, 4), PIECE_BYTES + 77)
  expect(() => bytes.find(PIECE_BYTES, 1)).toThrow(StrideError)
  try {
    bytes.find(PIECE_BYTES, 1)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_STRIDE_CORRUPT', offset: PIECE_BYTES, path: PATH })
  }
  bytes.refresh(PIECE_BYTES + 77)
  expect(bytes.find(PIECE_BYTES + 77, 1).bytes[bytes.at]).toBe(1)
})

test('bytes behind the last frame may change', () => {
  const file = fileOf(randomBytes())
  const bytes = new JournalBytes(file, { keptBytesMax: TWO_PIECES })
  const readAll = (): void => {
    for (let at = 0; at < SIZE; at += PIECE_BYTES) bytes.find(at, 1)
  }
  readAll()
  const end = 2 * PIECE_BYTES + 100
  bytes.settle([end])
  readAll()
  file.store(Uint8Array.of(1, 2, 3), end)
  readAll()
  file.store(Uint8Array.of(1, 2, 3), end - 1)
  expect(readAll).toThrow(/other bytes/)
})

test('a file that became shorter is refused', () => {
  const file = fileOf(randomBytes())
  const bytes = new JournalBytes(file, { keptBytesMax: TWO_PIECES })
  file.resize(PIECE_BYTES)
  expect(() => bytes.find(3 * PIECE_BYTES, 1)).toThrow(/cut short/)
})

test('memory that was found stays as it is', () => {
  const content = randomBytes()
  const bytes = new JournalBytes(fileOf(content), { keptBytesMax: TWO_PIECES })
  const held = bytes.find(10, 100)
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < SIZE; at += PIECE_BYTES) bytes.find(at, 1)
  }
  expect(held.bytes.equals(content.subarray(0, PIECE_BYTES))).toBe(true)
  expect(bytes.find(10, 100)).not.toBe(held)
})

test('a journal that is kept whole needs its file no more, a larger one does', () => {
  const content = randomBytes()
  const [small, large] = [SIZE, TWO_PIECES].map(keptBytesMax => {
    const bytes = new JournalBytes(fileOf(content), { keptBytesMax })
    for (let at = 0; at < SIZE; at += PIECE_BYTES) bytes.find(at, 1)
    bytes.settle([SIZE])
    return bytes
  }) as [JournalBytes, JournalBytes]
  for (let at = 0; at < SIZE; at += PIECE_BYTES) expect(small.find(at, 1).bytes[0]).toBe(content[at])
  expect(large.find(0, 1).bytes[0]).toBe(content[0])
  large.close()
  expect(() => large.find(3 * PIECE_BYTES, 1)).toThrow(/closed/)
})
