/**
 * What could go wrong with a block device: a size of 0, as fstat says, a record read past its end, a change that goes elsewhere.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFlatFile, openStore, u8 } from 'stridedb'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { removeFolder } from '../remove-folder.ts'
import { codeOf } from './support.ts'

const Sector = z.object({ id: z.uint32(), kind: u8() })
const SECTOR = 512
const COUNT = 3000
const folder = mkdtempSync(join(tmpdir(), 'stridedb-device-'))
const image = join(folder, 'disk.img')

/** A loop device over the image; undefined where none can be had. */
function loopDevice(): string | undefined {
  const bytes = Buffer.alloc(COUNT * SECTOR)
  for (let i = 0; i < COUNT; i++) bytes.writeUInt32LE(i, i * SECTOR)
  writeFileSync(image, bytes)
  try {
    return execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

const device = loopDevice()
afterAll(() => {
  if (device !== undefined) execFileSync('losetup', ['-d', device])
  removeFolder(folder)
})

describe.skipIf(device === undefined)(
  `a block device${device === undefined ? ' (skipped: losetup makes none here)' : ''}`,
  () => {
    const path = device as string

    test.each(['mapped', 'file', 'auto'] as const)('is read and changed in place (%s)', async backend => {
      using flat = openFlatFile(path, Sector, { stride: SECTOR, tail: 'ignore', backend })
      expect([flat.size, flat.get(COUNT - 1), flat.get(COUNT)]).toEqual([
        COUNT,
        { id: COUNT - 1, kind: 0 },
        undefined,
      ])
      expect([...flat.gather('id')]).toEqual(Array.from({ length: COUNT }, (_, i) => i))
      flat.update(7, { kind: 5 })
      await flat.commit()
      expect([flat.field(7, 'kind'), readFileSync(image)[7 * SECTOR + 4]]).toEqual([5, 5])
      expect(flat.refresh()).toBe(0)
      flat.update(7, { kind: 0 })
      flat.commitSync()
    })

    test('is refused where records would lie beyond its end, and holds no store', () => {
      expect(codeOf(() => openFlatFile(path, Sector, { stride: SECTOR, count: COUNT + 1 }))).toBe(
        'ERR_STRIDE_TRUNCATED',
      )
      expect(codeOf(() => openStore(path, Sector))).toBe('ERR_STRIDE_NOT_MAPPABLE')
    })
  },
)

test('a character device is no flat file', () => {
  expect(codeOf(() => openFlatFile('/dev/zero', Sector))).toBe('ERR_STRIDE_NOT_MAPPABLE')
})
