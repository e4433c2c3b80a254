/**
 * The demo, whole, on fewer records: a chapter that says nothing, an answer that is wrong, a folder left behind.
 */

import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { removeFolder } from '../remove-folder.ts'
import { ended, runExample, startExample } from './run-example.ts'

const folder = mkdtempSync(join(tmpdir(), 'stridedb-test-'))
afterAll(() => removeFolder(folder))

const SMALL = ['--records', '20000', '--lookups', '10000', '--rounds', '1']

it('runs from the Node binary to the comparison of both backends', async () => {
  const lines = await runExample('demo/main.ts', ['--records', '100000', '--lookups', '100000'])
  const text = lines.join('\n')
  for (const chapter of [1, 2, 3, 4]) expect(text).toMatch(new RegExp(`^${chapter}\\. `, 'm'))
  if (process.platform === 'linux') expect(text).toMatch(/table +\.(symtab|dynsym): [\d,]+ records of 24 bytes/)
  expect(text).toContain('geoip-city.dat: 3,304,848 records of 24 bytes')
  expect(text).toContain('geoip-city-names.dat: 121,331 records of 88 bytes')
  expect(text).toContain('100,000 records of 125 bytes in ')
  expect(text).toMatch(/8\.8\.8\.8 +record 64,027: US, America\/Chicago, at 37\.751, -97\.822/)
  expect(text).toMatch(/agreement +10,000 of 10,000 addresses/)
  expect(text).toMatch(/open, the first time.* x$/m)
  expect(text).toMatch(/field\(n\).* x$/m)
  expect(text).toMatch(/address, binary search.* x$/m)
  expect(text).toContain('Both gave the same answers.')
  const path = /The store (\S+) \(/.exec(text)![1]!
  expect(existsSync(path)).toBe(false)
})

it('reads the section table of a Windows binary', async () => {
  const path = join(folder, 'two-sections.exe')
  writeFileSync(path, portableExecutable())
  const text = (await runExample('demo/main.ts', [...SMALL, '--binary', path])).join('\n')
  expect(text).toMatch(/table +sections: 2 records of 40 bytes/)
  expect(text).toMatch(/\.text +4,096 +3,500 +code/)
  expect(text).toMatch(/\.rdata +512 +300 +constants/)
})

it('says that it leaves a Mach-O binary alone, and goes on', async () => {
  const path = join(folder, 'mach-o')
  writeFileSync(path, Buffer.concat([Buffer.from('cffaedfe', 'hex'), Buffer.alloc(200)]))
  const text = (await runExample('demo/main.ts', [...SMALL, '--binary', path])).join('\n')
  expect(text).toContain('Mach-O')
  expect(text).toContain('1,000 of 1,000 addresses')
})

it('refuses a number that is none', async () => {
  const { exitCode, stdout } = await ended(startExample('demo/main.ts', ['--lookups', 'many']))
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '--lookups is a whole number from 1: many\n' })
})

/** As much of a PE file as its section table needs. */
function portableExecutable(): Buffer {
  const signatureOffset = 0x80
  const optionalHeaderBytes = 240
  const file = Buffer.alloc(signatureOffset + 24 + optionalHeaderBytes + 2 * 40 + 7)
  file.write('MZ')
  file.writeUInt32LE(signatureOffset, 0x3c)
  file.write('PE\0\0', signatureOffset, 'latin1')
  file.writeUInt16LE(2, signatureOffset + 6)
  file.writeUInt16LE(optionalHeaderBytes, signatureOffset + 20)
  const sections = [
    { name: '.text', memoryBytes: 3500, fileBytes: 4096, flags: 0x60000020 },
    { name: '.rdata', memoryBytes: 300, fileBytes: 512, flags: 0x40000040 },
  ]
  sections.forEach(({ name, memoryBytes, fileBytes, flags }, n) => {
    const at = signatureOffset + 24 + optionalHeaderBytes + n * 40
    file.write(name, at, 'latin1')
    file.writeUInt32LE(memoryBytes, at + 8)
    file.writeUInt32LE(fileBytes, at + 16)
    file.writeUInt32LE(flags, at + 36)
  })
  return file
}
