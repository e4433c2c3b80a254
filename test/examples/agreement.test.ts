/**
 * The demo's comparison with geoip-lite: it must fail when the answers differ, or its success says nothing.
 */

import { closeSync, mkdtempSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { removeFolder } from '../remove-folder.ts'
import { ended, startExample } from './run-example.ts'

const require = createRequire(import.meta.url)
const RECORDS = 20_000
const RANGE_BYTES = 24
const PLACE_BYTES = 88
const TIMEZONE_AT = 10

const folder = mkdtempSync(join(tmpdir(), 'stridedb-test-'))
afterAll(() => removeFolder(folder))

it('ends with exit code 1, and says where, when geoip-lite answers otherwise', async () => {
  // geoip-lite takes its data from the folder that GEODATADIR names; the demo opens those of the package.
  const places = readFileSync(require.resolve('geoip-lite/data/geoip-city-names.dat'))
  for (let at = TIMEZONE_AT; at < places.length; at += PLACE_BYTES) places[at] = 'X'.charCodeAt(0)
  writeFileSync(join(folder, 'geoip-city-names.dat'), places)
  writeFileSync(join(folder, 'geoip-city.dat'), beginning('geoip-city.dat', RECORDS * RANGE_BYTES))
  writeFileSync(join(folder, 'geoip-city6.dat'), beginning('geoip-city6.dat', 48))

  const args = ['--records', String(RECORDS), '--lookups', '1000', '--rounds', '1']
  const { exitCode, stdout } = await ended(startExample('demo/main.ts', args, { GEODATADIR: folder }))
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/agreement +\d of 100 addresses, .* WRONG/)
  expect(stdout).toMatch(/timezone is "(\w)[\w/]+" in the store, "X[\w/]+" in geoip-lite/)
  expect(stdout).toContain('Both gave the same answers.')
})

function beginning(name: string, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount)
  const file = openSync(require.resolve(`geoip-lite/data/${name}`), 'r')
  readSync(file, bytes)
  closeSync(file)
  return bytes
}
