// Runs the tests on other versions of Node: `npm run test:matrix`, or `npm run test:matrix -- 22 26` for some of them;
// `26:quick` leaves out the crash harness, the benchmarks and the examples. Each version comes from the registry as a package that holds the binary alone,
// and is kept in the folder for temporary files. Where one cannot be had, that is said loudly and is no failure.

import { execFileSync, spawnSync } from 'node:child_process'
import { delimiter, dirname, resolve } from 'node:path'
import { nodeBinary } from './node-binary.mjs'

const ALL = ['20', '22', '24', '26']
// What takes long, and is about the store and not about Node.
const SLOW = ['test/crash/**', 'test/bench/**', 'test/examples/**'].flatMap(files => ['--exclude', files])
const root = resolve(import.meta.dirname, '..')
const results = []

for (const wanted of process.argv.length > 2 ? process.argv.slice(2) : ALL) {
  const [major, extent] = wanted.split(':')
  if (!/^\d+$/.test(major) || (extent ?? 'quick') !== 'quick')
    throw new Error(`No version of Node: '${wanted}'`)
  const { path: node, reason } = nodeBinary(major)
  if (node === undefined) skip(major, reason)
  else results.push({ wanted, ...test(node, extent === 'quick') })
}

for (const { wanted, version, seconds, passed } of results)
  console.log(`Node ${version} (${wanted}): ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
if (results.some(({ passed }) => !passed)) process.exitCode = 1

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
