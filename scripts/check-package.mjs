// Packs the package as npm would publish it and looks at what came out: its files and size, what publint and
// are-the-types-wrong say of it, what its entries import. Then installs it into an empty folder, without install scripts,
// and runs it there from plain JavaScript and from TypeScript.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const UNPACKED_BYTES_MAX = 1_600_000
const FILES = /^(dist\/.*\.(js|cjs|d\.ts)|README\.md|LICENSE|package\.json)$/
/** What the library may load beside Node's own modules; koffi goes through createRequire, when a file is opened. */
const IMPORTS = ['zod']

const root = resolve(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'stridedb-package-'))
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', shell: false })
const node = (...args) => run(process.execPath, args).trim()

const WRITE = `
  store.append({ time: 1, price: 2.5, flags: 3, symbol: 'ABC' })
  await store.commit()
`
const PROGRAM = `
import { ascii, openStore, u8 } from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { describe } from 'stridedb/schema'
import { z } from 'zod'

const Tick = z.object({ time: z.float64(), price: z.float64(), flags: u8(), symbol: ascii(8) })
{
  WRITE
}
const again = openStore('ticks.stride', Tick, { readOnly: true })
const mapping = FileMapping.open('ticks.stride', { access: 'read' })
const magic = Buffer.from(mapping.view(0, 8).bytes).toString()
mapping.close()
if (magic !== 'StrideDB' || again.field(0, 'price') !== 2.5 || !describe(Tick).numpy.includes('f8')) throw new Error('wrong')
console.log('a', again.backend, 'store of', again.count)
again[Symbol.dispose]()
`
const USING = PROGRAM.replace('WRITE', `using store = openStore('ticks.stride', Tick)${WRITE}`)
const CALLING = PROGRAM.replace(
  'WRITE',
  `const store = openStore('ticks.stride', Tick)${WRITE}store[Symbol.dispose]()`,
)

try {
  const tarball = pack()
  checkManifest()
  await checkWithPublint(tarball)
  await checkTypes(tarball)
  install(tarball)
  await checkImports()
  runPlainJavaScript()
  runTypeScript()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function pack() {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  )
  const foreign = packed.files.map(file => file.path).filter(path => !FILES.test(path))
  if (foreign.length > 0) throw new Error(`The package holds what it should not: ${foreign.join(', ')}`)
  const { unpackedSize } = packed
  if (unpackedSize >= UNPACKED_BYTES_MAX)
    throw new Error(`The package has ${unpackedSize} bytes unpacked, ${UNPACKED_BYTES_MAX} are too many`)
  console.log(`${packed.filename}: ${packed.files.length} files, ${unpackedSize} bytes unpacked`)
  return join(folder, packed.filename)
}

function checkManifest() {
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    const conditions = Object.keys(target).join()
    if (conditions !== 'types,module-sync,module,node-addons,default')
      throw new Error(`exports of '${entry}' are in this order: ${conditions}`)
  }
  if (manifest.publishConfig?.provenance !== true) throw new Error('publishConfig asks for no provenance')
}

async function checkWithPublint(tarball) {
  const bytes = new Uint8Array(readFileSync(tarball))
  const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true })
  const said = messages.map(message => formatMessage(message, manifest, { color: false }))
  if (said.length > 0) throw new Error(`publint says:\n${said.join('\n')}`)
  console.log('publint: clean')
}

/** Only ES modules: CommonJS requires them from Node 20.19 on, and resolution as Node 10 did it knows no exports. */
async function checkTypes(tarball) {
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  if (analysis.types === false) throw new Error('are-the-types-wrong finds no types')
  const problems = analysis.problems.filter(
    ({ kind, resolutionKind }) =>
      kind !== 'CJSResolvesToESM' && resolutionKind !== 'node10' && resolutionKind !== 'node16-cjs',
  )
  if (problems.length > 0) throw new Error(`are-the-types-wrong says:\n${JSON.stringify(problems, null, 2)}`)
  console.log(`are-the-types-wrong: clean, ${Object.keys(analysis.entrypoints).length} entries`)
}

function install(tarball) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball])
}

/** What the installed entries import, whatever they import it through. */
async function checkImports() {
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    const { metafile } = await build({
      entryPoints: [join(folder, 'node_modules/stridedb', target.default)],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    })
    const imports = Object.values(metafile.inputs).flatMap(input => input.imports)
    const packages = new Set(imports.filter(({ external }) => external).map(({ path }) => path))
    const foreign = [...packages].filter(path => !isBuiltin(path) && !IMPORTS.includes(path))
    if (foreign.length > 0) throw new Error(`'${entry}' imports ${foreign.join(', ')}`)
    console.log(
      `imports of '${entry}': ${[...packages].filter(path => !isBuiltin(path)).join(', ') || 'nothing'}`,
    )
  }
}

/** `using` is a syntax error before Node 24; Symbol.dispose is there since 20. */
function runPlainJavaScript() {
  for (const [name, program] of [['calling', CALLING], ...(hasUsing() ? [['using', USING]] : [])]) {
    writeFileSync(join(folder, `${name}.mjs`), program)
    console.log(`from JavaScript, ${name}: ${node(`${name}.mjs`)}`)
    rmSync(join(folder, 'ticks.stride'))
  }
  console.log(`the command: ${run(join(folder, 'node_modules/.bin/stridedb'), ['--version']).trim()}`)
}

function hasUsing() {
  try {
    new Function('{ using nothing = null }')
    return true
  } catch {
    return false
  }
}

function runTypeScript() {
  const compilers = ['typescript', '@types/node'].map(name => `${name}@${manifest.devDependencies[name]}`)
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...compilers])
  writeFileSync(join(folder, 'program.ts'), USING)
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023,esnext.disposable',
    '--strict',
  ]
  node('node_modules/typescript/bin/tsc', ...options, '--types', 'node', 'program.ts')
  console.log(`from TypeScript, using: ${node('program.js')}`)
}
