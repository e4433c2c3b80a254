/**
 * What could go wrong with foreign files: a byte changed that nobody changed, a size that changes, a part of a record
 * taken for one, an offset or stride off by one.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FlatFileOptions, openFlatFile, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, temporaryFolder } from './support.ts'

const Sample = z.object({ at: z.uint32(), value: z.float64(), kind: u8() })
const RECORD = 13

/** A file of `count` samples behind `offset` bytes of 0xaa, `stride` apart, little- or big-endian. */
function foreign(
  count: number,
  { offset = 0, stride = RECORD, endian = 'little' }: FlatFileOptions = {},
): string {
  const path = join(temporaryFolder(), 'foreign.bin')
  const bytes = Buffer.alloc(offset + count * stride, 0xaa)
  for (let i = 0; i < count; i++) {
    const at = offset + i * stride
    if (endian === 'little') {
      bytes.writeUInt32LE(i, at)
      bytes.writeDoubleLE(i / 4, at + 4)
    } else {
      bytes.writeUInt32BE(i, at)
      bytes.writeDoubleBE(i / 4, at + 4)
    }
    bytes[at + 12] = i % 256
  }
  writeFileSync(path, bytes)
  return path
}

const sample = (i: number): z.output<typeof Sample> => ({ at: i, value: i / 4, kind: i % 256 })

describe.each([{ backend: 'mapped' as const }, { backend: 'file' as const }])(
  'a flat file ($backend)',
  base => {
    test.each([
      { offset: 0 },
      { offset: 84 },
      { offset: 4096, stride: 20 },
      { offset: 3, endian: 'big' as const },
    ])('is read in place with %o', options => {
      const path = foreign(10_000, options)
      using flat = openFlatFile(path, Sample, { ...base, ...options, readOnly: true, windowBytes: 65_536 })
      expect([flat.count, flat.size, flat.recordSize]).toEqual([10_000, 10_000, RECORD])
      expect([0, 1, 9999].map(n => flat.get(n))).toEqual([0, 1, 9999].map(sample))
      expect(flat.get(10_000)).toBeUndefined()
      expect([...flat]).toEqual(Array.from({ length: 10_000 }, (_, i) => sample(i)))
      let sum = 0
      for (const row of flat.scan()) sum += row.value
      expect(sum).toBe((9999 * 10_000) / 8)
      expect([...flat.gather('at')]).toEqual(Array.from({ length: 10_000 }, (_, i) => i))
      expect([...flat.gather('at', [9999, 0, 5000])]).toEqual([9999, 0, 5000])
    })

    test('is changed in place by commit, and nowhere else', async () => {
      const path = foreign(1000, { offset: 7 })
      const expected = readFileSync(path)
      const flat = openFlatFile(path, Sample, { ...base, offset: 7 })
      flat.update(3, { value: 99 })
      flat.put(999, { at: 1, value: 2, kind: 3 })
      flat.update(5, { kind: 1 })
      expect(flat.get(3)).toEqual({ ...sample(3), value: 99 })
      expect(readFileSync(path).equals(expected)).toBe(true)
      flat.rollback()
      expect(flat.get(3)).toEqual(sample(3))
      flat.update(3, { value: 99 })
      flat.put(999, { at: 1, value: 2, kind: 3 })
      await flat.commit()
      expected.writeDoubleLE(99, 7 + 3 * RECORD + 4)
      expected.writeUInt32LE(1, 7 + 999 * RECORD)
      expected.writeDoubleLE(2, 7 + 999 * RECORD + 4)
      expected[7 + 999 * RECORD + 12] = 3
      expect(readFileSync(path).equals(expected)).toBe(true)
      flat.update(0, { kind: 1 })
      flat.close()
      expect(readFileSync(path).equals(expected)).toBe(true)
    })

    test('refuses to append and to delete, and to change anything read-only', async () => {
      const path = foreign(10)
      using flat = openFlatFile(path, Sample, base)
      expect(codeOf(() => flat.append(sample(1)))).toBe('ERR_STRIDE_LIMIT')
      expect(codeOf(() => flat.appendMany([]))).toBe('ERR_STRIDE_LIMIT')
      expect(codeOf(() => flat.delete(1))).toBe('ERR_STRIDE_LIMIT')
      using readOnly = openFlatFile(path, Sample, { ...base, readOnly: true })
      expect(codeOf(() => readOnly.update(0, { kind: 1 }))).toBe('ERR_STRIDE_READ_ONLY')
      expect(await codeOfAsync(readOnly.commit())).toBe('ERR_STRIDE_READ_ONLY')
    })

    test('with a part of a record at its end is refused unless count says how many there are', () => {
      const path = foreign(10)
      writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from([0x1a])]))
      expect(codeOf(() => openFlatFile(path, Sample, base))).toBe('ERR_STRIDE_PARTIAL_RECORD')
      using flat = openFlatFile(path, Sample, { ...base, count: 10 })
      expect(flat.get(9)).toEqual(sample(9))
      expect(codeOf(() => openFlatFile(path, Sample, { ...base, count: 11 }))).toBe('ERR_STRIDE_TRUNCATED')
      expect(codeOf(() => openFlatFile(path, Sample, { ...base, offset: 1000 }))).toBe('ERR_STRIDE_TRUNCATED')
    })

    test('without records is empty', () => {
      const path = foreign(0, { offset: 84 })
      using flat = openFlatFile(path, Sample, { ...base, offset: 84 })
      expect([flat.count, [...flat], flat.get(0)]).toEqual([0, [], undefined])
    })

    test('whose last record has no gap behind it counts that record', () => {
      const path = foreign(3, { stride: 20 })
      writeFileSync(path, readFileSync(path).subarray(0, 2 * 20 + RECORD))
      using flat = openFlatFile(path, Sample, { ...base, stride: 20 })
      expect([...flat]).toEqual([0, 1, 2].map(sample))
    })
  },
)

test('a missing file, a directory and a misspelt option are named', () => {
  const folder = temporaryFolder()
  expect(codeOf(() => openFlatFile(join(folder, 'no.bin'), Sample))).toBe('ERR_STRIDE_NOT_FOUND')
  expect(codeOf(() => openFlatFile(folder, Sample))).toBe('ERR_STRIDE_IS_DIRECTORY')
  expect(() => openFlatFile(folder, Sample, { ofset: 1 } as object)).toThrow(/did you mean 'offset'/)
})
