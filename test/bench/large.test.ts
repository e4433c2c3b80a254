/**
 * `npm run bench -- large` with small stores, as a real process. What could go wrong: a row without a figure for each size, a disk
 * that is filled although it has no room, and gigabytes that are left behind, at the end or after Ctrl-C.
 */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import type { Report } from '../../bench/against.ts'
import { sizesOf } from '../../bench/large-stores.ts'
import { removeFolder } from '../remove-folder.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'stridedb-large-'))
afterAll(() => removeFolder(folder))

const program = (...args: string[]): string[] => ['--import', 'tsx', join(ROOT, 'bench', 'main.ts'), ...args]

function emptyFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

describe('npm run bench -- large', () => {
  it('has a figure for each size in every row, then a table, and removes its files', async () => {
    const dir = emptyFolder('small')
    const json = join(folder, 'report.json')
    const args = program('large', '--smoke', '--dir', dir, '--json', json)
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT })
    const { rows } = JSON.parse(readFileSync(json, 'utf8')) as Report
    const table = rows.at(-1)?.row
    expect(table?.what).toBe('cost against size')
    const measured = rows.slice(0, -1).map(({ row }) => row)
    expect(measured.length).toBeGreaterThan(10)
    for (const { what, sides, skipped, cache } of measured) {
      expect(stdout).toContain(what)
      expect(table?.notes.join('\n')).toContain(what)
      if (skipped !== undefined) {
        expect(cache).toBe('cold')
        continue
      }
      for (const label of ['2,000', '10,000']) {
        const side = sides.find(({ name }) => name === label)
        expect(side?.nsPerOperation, `${what}, ${label}`).toBeGreaterThan(0)
      }
    }
    expect(readdirSync(dir)).toEqual([])
  })

  it('removes its files on Ctrl-C', async () => {
    const dir = emptyFolder('interrupted')
    const args = program('large', '--records', '1000,5000000', '--dir', dir)
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'ignore' })
    const exited = once(child, 'exit')
    const isBuilding = (): boolean =>
      readdirSync(dir).some(name => readdirSync(join(dir, name)).includes('large-5000000.stride'))
    while (!isBuilding()) {
      expect(child.exitCode).toBe(null)
      await sleep(20)
    }
    child.kill('SIGINT')
    expect(await exited).toEqual([130, null])
    expect(readdirSync(dir)).toEqual([])
  })

  it('refuses sizes that are no rising numbers', async () => {
    const run = promisify(execFile)
    for (const records of ['many', '1000,100', '0', '1.5'])
      await expect(
        run(process.execPath, program('large', '--records', records), { cwd: ROOT }),
      ).rejects.toThrow('--records takes whole numbers')
  })
})

describe('sizesOf', () => {
  it('leaves out what the disk has no room for, and says so', () => {
    const context = { folder, isSmoke: false, isQuick: false, seed: 1, records: [1000, 10 ** 13] }
    const { sizes, notes } = sizesOf(context)
    expect(sizes.map(({ records }) => records)).toEqual([1000])
    expect(notes).toEqual([
      expect.stringMatching(/^10,000,000,000,000 RECORDS LEFT OUT: they take 1650000\.0 GB, and .* are free$/),
    ])
  })
})
