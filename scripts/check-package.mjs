// Packs the package as npm would publish it, installs it into an empty folder, and runs it there from plain
// JavaScript and from TypeScript. Fails when the tarball holds anything but dist, README, LICENSE and package.json.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'stridedb-package-'))
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', shell: false })

const PROGRAM = `
import { ascii, openStore, u8 } from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { describe } from 'stridedb/schema'
import { z } from 'zod'

const Tick = z.object({ time: z.float64(), price: z.float64(), flags: u8(), symbol: ascii(8) })
{
  using store = openStore('ticks.stride', Tick)
  store.append({ time: 1, price: 2.5, flags: 3, symbol: 'ABC' })
  await store.commit()
}
using again = openStore('ticks.stride', Tick, { readOnly: true })
const mapping = FileMapping.open('ticks.stride', { access: 'read' })
const magic = Buffer.from(mapping.view(0, 8).bytes).toString()
mapping.close()
if (magic !== 'StrideDB' || again.field(0, 'price') !== 2.5 || !describe(Tick).numpy.includes('f8')) throw new Error('wrong')
console.log('fine')
`

try {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  )
  const foreign = packed.files
    .map(file => file.path)
    .filter(path => !/^(dist\/|README\.md$|LICENSE$|package\.json$)/.test(path))
  if (foreign.length > 0) throw new Error(`The package holds what it should not: ${foreign.join(', ')}`)
  console.log(`${packed.filename}: ${packed.files.length} files, ${packed.unpackedSize} bytes unpacked`)

  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const compilers = ['typescript', '@types/node'].map(name => `${name}@${devDependencies[name]}`)
  run('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    join(folder, packed.filename),
    ...compilers,
  ])
  // Node 20 has no `using` of its own: compiling brings it down for plain JavaScript too.
  writeFileSync(join(folder, 'program.ts'), PROGRAM)
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023,esnext.disposable',
    '--strict',
    '--types',
    'node',
  ]
  run(process.execPath, ['node_modules/typescript/bin/tsc', ...options, 'program.ts'])
  console.log(`from TypeScript: ${run(process.execPath, ['program.js']).trim()}`)
  rmSync(join(folder, 'ticks.stride'))
  writeFileSync(
    join(folder, 'plain.mjs'),
    PROGRAM.replace('using again', 'const again')
      .replace('using store', 'const store')
      .replace('commit()\n', 'commit()\n  store.close()\n'),
  )
  console.log(`from JavaScript: ${run(process.execPath, ['plain.mjs']).trim()}`)
  console.log(`the command: ${run(join(folder, 'node_modules/.bin/stridedb'), ['--version']).trim()}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
