// Tries the package as a user installs it: packs it, installs it into an empty folder for each case, with the versions and tools
// that its users have, and runs a small real program there. `npm run test:installed`, or `npm run test:installed -- zod Bun` for the
// cases whose names contain one of these words. Prints a table, and fails where a case does. What the registry does not
// have, or this machine does not run, is skipped loudly and is no failure.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { nodeBinary } from './node-binary.mjs'

const root = resolve(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** The ends of what package.json allows. */
const ZOD_LOWEST = manifest.peerDependencies.zod.replace('^', '')
const ZOD_HIGHEST = manifest.peerDependencies.zod
const NODE_LOWEST = `${manifest.engines.node.replace('>=', '')}.0`
const NODES = [NODE_LOWEST, '20', '22', '24', '26']
const COMPILERS = ['5.9', '7']

const typed = readFileSync(join(root, 'scripts/installed/program.ts'), 'utf8')
const PRINT = 'main().then(backend => console.log(backend))'
const MODULE = readFileSync(join(root, 'scripts/installed/program.mjs'), 'utf8')
const COMMONJS = MODULE.replace(/^import (.*) from ('[^']*')$/gm, 'const $1 = require($2)')
/** koffi does not load: the program says that nobody else writes. */
const WITHOUT_LOCKS = { STORE_OPTIONS: '{"lock":"process"}' }

/** What npm says where the registry does not have something, cannot be reached, or has it for other systems. */
const NOT_TO_BE_HAD =
  /E404|ETARGET|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EBADPLATFORM|ENOVERSIONS/

/** What cannot be tried here. */
class Skipped extends Error {}

/** Folders that packages were installed in, by the names of these. */
const templates = new Map()
const work = mkdtempSync(join(realpathSync(tmpdir()), 'stridedb-installed-'))
const cases = []

for (const version of NODES) {
  const node = () => nodeOrSkip(version)
  const permission = Number(version.split('.')[0]) < 22 ? '--experimental-permission' : '--permission'
  const granted = [permission, '--allow-fs-read=*', '--allow-fs-write=*']
  add(`Node ${version}: import`, () => runModule(node(), [], 'mapped'))
  add(`Node ${version}: require`, () => runCommonJs(node(), [], 'mapped'))
  add(`Node ${version}: --no-addons`, () => runModule(node(), ['--no-addons'], 'file', WITHOUT_LOCKS))
  // Node 20 knows no permission for addons: without koffi nothing can be synced there, so that stores are opened for reading only.
  if (permission === '--permission')
    add(`Node ${version}: --permission`, () => runModule(node(), [...granted, '--allow-addons'], 'mapped'))
}
add(`zod ${ZOD_LOWEST}, the lowest`, () => runModule(process.execPath, [], 'mapped', {}, ZOD_LOWEST))
add(`zod ${ZOD_HIGHEST}, the highest`, () => runModule(process.execPath, [], 'mapped', {}, ZOD_HIGHEST))
add('zod 4.4.3, which npm refuses', refuseOldZod)
for (const compiler of COMPILERS) {
  for (const [words, zod] of [
    ['lowest', ZOD_LOWEST],
    ['highest', ZOD_HIGHEST],
  ]) {
    add(`TypeScript ${compiler}, nodenext, ${words} zod`, () => compile(compiler, zod, 'nodenext'))
    add(`TypeScript ${compiler}, bundler, ${words} zod`, () => compile(compiler, zod, 'bundler'))
  }
  add(`TypeScript ${compiler}, CommonJS`, () => compile(compiler, ZOD_HIGHEST, 'commonjs'))
}
add('Jest 30: require', () => runJest(process.execPath))
add('Jest 30: require, Node 26', () => runJest(nodeOrSkip('26')))
add('vitest 4', () => runVitest(process.execPath, '4'))
add('vitest 5, Node 22', () => runVitest(nodeOrSkip('22'), '5'))
add('esbuild, to ES modules', () => bundleWithEsbuild('esm'))
add('esbuild, to CommonJS', () => bundleWithEsbuild('cjs'))
add('esbuild, of CommonJS', () => bundleWithEsbuild('cjs', COMMONJS, 'program.cjs'))
add('Rollup 4', bundleWithRollup)
add('webpack 5', () => bundleWithWebpack(MODULE, 'program.mjs'))
add('webpack 5, of CommonJS', () => bundleWithWebpack(COMMONJS, 'program.cjs'))
add('Bun', runBun)
add('Deno', runDeno)

let tarball
const results = []
try {
  tarball = pack()
  for (const { name, run } of cases) results.push({ name, ...attempt(name, run) })
} finally {
  rmSync(work, { recursive: true, force: true })
}
printTable()
if (results.some(({ outcome }) => outcome === 'FAILED')) process.exitCode = 1

function add(name, run) {
  const words = process.argv.slice(2)
  if (words.length === 0 || words.some(word => name.includes(word))) cases.push({ name, run })
}

function attempt(name, run) {
  const start = performance.now()
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1)
  try {
    const detail = run()
    console.log(`passed: ${name} (${seconds()} s)`)
    return { outcome: 'passed', detail, seconds: seconds() }
  } catch (error) {
    const isSkipped = error instanceof Skipped
    const detail = error.message.trim()
    console.log(isSkipped ? `\n!! SKIPPED: ${name}: ${detail}\n` : `\n!! FAILED: ${name}:\n${detail}\n`)
    return { outcome: isSkipped ? 'SKIPPED' : 'FAILED', detail: detail.split('\n')[0], seconds: seconds() }
  }
}

function printTable() {
  console.log('\n| case | result | seen |\n|---|---|---|')
  for (const { name, outcome, detail } of results) console.log(`| ${name} | ${outcome} | ${detail ?? ''} |`)
}

function nodeOrSkip(version) {
  const { path, reason } = nodeBinary(version)
  if (path === undefined) throw new Skipped(reason)
  return path
}

/** @throws Error with all that the command printed */
function run(command, args, cwd, { env = {}, node = process.execPath } = {}) {
  const path = `${dirname(node)}${delimiter}${process.env.PATH}`
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env, PATH: path },
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`)
  return stdout.trim()
}

function pack() {
  const printed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root)
  const [{ filename }] = JSON.parse(printed)
  return join(work, filename)
}

/** An empty folder with the package and others installed in it. Installed once for each list of packages, and copied. */
function installed(...packages) {
  const key = packages.join(' ')
  if (!templates.has(key)) templates.set(key, install(packages))
  const folder = mkdtempSync(join(work, 'case-'))
  cpSync(templates.get(key), folder, { recursive: true, verbatimSymlinks: true })
  return folder
}

function install(packages) {
  const folder = mkdtempSync(join(work, 'template-'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    tarball,
    ...packages,
  ]
  try {
    run('npm', args, folder)
  } catch (error) {
    if (NOT_TO_BE_HAD.test(error.message))
      throw new Skipped(`npm cannot install ${packages.join(', ')}: ${error.message}`)
    throw error
  }
  return folder
}

/** Runs a program that prints how it reached the file. */
function runProgram(node, args, cwd, expected, env) {
  const printed = run(node, args, cwd, { env, node })
  if (printed !== expected) throw new Error(`It printed '${printed}' instead of '${expected}'`)
  return expected
}

function runModule(node, args, expected, env = {}, zod = ZOD_HIGHEST) {
  const folder = installed(`zod@${zod}`)
  writeFileSync(join(folder, 'program.mjs'), MODULE)
  return runProgram(node, [...args, 'program.mjs'], folder, expected, env)
}

function runCommonJs(node, args, expected) {
  const folder = installed(`zod@${ZOD_HIGHEST}`)
  writeFileSync(join(folder, 'program.cjs'), COMMONJS)
  return runProgram(node, ['--no-warnings', ...args, 'program.cjs'], folder, expected)
}

function refuseOldZod() {
  try {
    install(['zod@4.4.3'])
  } catch (error) {
    if (error.message.includes('ERESOLVE')) return 'ERESOLVE'
    throw error
  }
  throw new Error('npm installs it, although the types need a newer one')
}

function compile(compiler, zod, resolution) {
  const isCommonJs = resolution === 'commonjs'
  const folder = installed(
    `typescript@${compiler}`,
    `zod@${zod}`,
    `@types/node@${manifest.devDependencies['@types/node']}`,
  )
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: isCommonJs ? 'commonjs' : 'module' }),
  )
  writeFileSync(join(folder, 'program.ts'), typed)
  const module = resolution === 'bundler' ? ['esnext', '--moduleResolution', 'bundler'] : ['nodenext']
  const options = ['--module', ...module, '--target', 'es2022', '--strict', '--exactOptionalPropertyTypes']
  const checks = ['--noUncheckedIndexedAccess', '--skipLibCheck', 'false', '--types', 'node']
  run(process.execPath, ['node_modules/typescript/bin/tsc', ...options, ...checks, 'program.ts'], folder)
  const printed = run(process.execPath, ['--no-warnings', 'program.js'], folder)
  if (printed !== 'object object function typed') throw new Error(`It printed ${printed}`)
  return JSON.parse(readFileSync(join(folder, 'node_modules/typescript/package.json'), 'utf8')).version
}

function runJest(node) {
  const folder = installed('jest@30', `zod@${ZOD_HIGHEST}`)
  const test = COMMONJS.replace(PRINT, "test('works', async () => expect(await main()).toBe('mapped'))")
  writeFileSync(join(folder, 'program.test.js'), test)
  run(node, ['node_modules/jest/bin/jest.js', '--ci'], folder, { node })
  return 'mapped'
}

function runVitest(node, version) {
  const folder = installed(`vitest@${version}`, `zod@${ZOD_HIGHEST}`)
  const test = MODULE.replace(PRINT, "test('works', async () => expect(await main()).toBe('mapped'))")
  writeFileSync(join(folder, 'program.test.mjs'), `import { expect, test } from 'vitest'\n${test}`)
  run(node, ['node_modules/vitest/vitest.mjs', 'run'], folder, { node })
  return 'mapped'
}

/** Runs a bundle from another folder than the one it lies in. */
function runElsewhere(bundle) {
  const elsewhere = mkdtempSync(join(work, 'elsewhere-'))
  return runProgram(process.execPath, [bundle], elsewhere, 'mapped')
}

/** Builds by a program that is written into the folder. */
function bundle(folder, sources, build) {
  for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source)
  mkdirSync(join(folder, 'out'))
  writeFileSync(join(folder, 'build.mjs'), build)
  run(process.execPath, ['build.mjs'], folder)
}

function bundleWithEsbuild(format, source = MODULE, name = 'program.mjs') {
  const folder = installed(`esbuild@${manifest.devDependencies.esbuild}`, `zod@${ZOD_HIGHEST}`)
  const out = `out/bundle.${format === 'esm' ? 'mjs' : 'cjs'}`
  const options = {
    entryPoints: [name],
    outfile: out,
    bundle: true,
    platform: 'node',
    format,
    external: ['koffi'],
  }
  const build = `import { build } from 'esbuild'\nawait build(${JSON.stringify({ ...options, logLevel: 'error' })})`
  bundle(folder, { [name]: source }, build)
  return runElsewhere(join(folder, out))
}

function bundleWithRollup() {
  const folder = installed('rollup@4', '@rollup/plugin-node-resolve@16', `zod@${ZOD_HIGHEST}`)
  const build = `import { rollup } from 'rollup'
    import resolve from '@rollup/plugin-node-resolve'
    const bundle = await rollup({ input: 'program.mjs', external: ['koffi', /^node:/], plugins: [resolve()] })
    await bundle.write({ file: 'out/bundle.mjs', format: 'esm' })`
  bundle(folder, { 'program.mjs': MODULE }, build)
  return runElsewhere(join(folder, 'out/bundle.mjs'))
}

function bundleWithWebpack(source, name) {
  const folder = installed('webpack@5', `zod@${ZOD_HIGHEST}`)
  const build = `import webpack from 'webpack'
    const config = { target: 'node', mode: 'production', entry: './${name}', externals: { koffi: 'commonjs koffi' },
      output: { path: import.meta.dirname + '/out', filename: 'bundle.cjs' } }
    webpack(config, (error, stats) => {
      if (error || stats.hasErrors()) throw error ?? new Error(stats.toString())
    })`
  bundle(folder, { [name]: source }, build)
  return runElsewhere(join(folder, 'out/bundle.cjs'))
}

/** Bun's package without its installer, which fetches the binary. */
function runBun() {
  const folder = installed(`@oven/bun-${process.platform}-${process.arch}`, `zod@${ZOD_HIGHEST}`)
  writeFileSync(join(folder, 'program.mjs'), MODULE)
  const bun = join(folder, `node_modules/@oven/bun-${process.platform}-${process.arch}/bin/bun`)
  return `${runProgram(bun, ['program.mjs'], folder, 'file')}, Bun ${run(bun, ['--version'], folder)}`
}

function runDeno() {
  const name = `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`
  const folder = installed(name, `zod@${ZOD_HIGHEST}`)
  writeFileSync(join(folder, 'program.mjs'), MODULE)
  const deno = join(folder, 'node_modules', name, 'deno')
  const args = ['run', '--allow-all', '--node-modules-dir=manual', 'program.mjs']
  return `${runProgram(deno, args, folder, 'mapped')}, ${run(deno, ['--version'], folder).split('\n')[0]}`
}
