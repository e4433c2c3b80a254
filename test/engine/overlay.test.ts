/**
 * What could go wrong: a reader in a container has a store of the image open, a writer opens it, the file is copied up, and the reader
 * mixes the pages that it mapped before with what it reads by position.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Point } from './support.ts'

describe.runIf(process.platform === 'linux')('on overlayfs', () => {
  const base = mkdtempSync(join(tmpdir(), 'stridedb-overlay-'))
  const at = (name: string): string => join(base, name)
  let isMounted = false
  beforeAll(() => {
    // An overlay cannot always lie on the file system that is there.
    const hasBase = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', base]).status === 0
    if (hasBase) {
      for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name))
      const options = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
      isMounted = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, at('merged')]).status === 0
      if (!isMounted) execFileSync('umount', [base])
    }
    if (!isMounted) console.warn('SKIPPED: no overlay can be mounted here, so no file is copied up')
  })
  afterAll(() => {
    if (isMounted) execFileSync('umount', ['-l', at('merged')])
    if (isMounted) execFileSync('umount', ['-l', base])
    rmSync(base, { recursive: true, force: true })
  })

  test('a reader that was there before follows the writer that had the file copied up', ({ skip }) => {
    if (!isMounted) skip('nothing is mounted')
    const made = openStore(at('lower/x'), Point, { indexes: { i: { on: 'tag', kind: 'ordered' } } })
    made.appendMany(Array.from({ length: 20_000 }, (_, x) => ({ x, tag: 0 })))
    made.commitSync()
    made.close()
    rmSync(at('lower/x-lock'))
    const path = at('merged/x')
    const reader = openStore(path, Point, { readOnly: true, indexes: { i: { on: 'tag', kind: 'ordered' } } })
    expect([reader.get(0)?.x, reader.get(19_999)?.x, reader.backend]).toEqual([0, 19_999, 'file'])
    const writer = openStore(path, Point, { indexes: { i: { on: 'tag', kind: 'ordered' } } })
    for (let tag = 1; tag < 4; tag++) {
      for (let n = 0; n < 20_000; n++) writer.update(n, { tag })
      writer.commitSync()
      const seen = reader.read(() => [
        reader.get(0)?.tag,
        reader.get(19_999)?.tag,
        new Set(reader.gather('tag')),
      ])
      expect(seen).toEqual([tag, tag, new Set([tag])])
      expect(reader.commitNumber).toBe(writer.commitNumber)
      expect(reader.index('i').count({ gte: tag, lte: tag })).toBe(20_000)
    }
    writer.close()
    reader.close()
  })
})
