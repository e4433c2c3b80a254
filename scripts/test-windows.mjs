/**
 * The tests on Windows, which here means Node for Windows under Wine: `npm run test:windows`.
 *
 *   npm run test:windows -- [--quick] [--node 20.20.2,22.23.3] [--only conformance,stores]
 *
 * Fetches what it needs on Debian as root: Wine, builds of Node and of the packages for Windows, kept in a folder outside
 * the checkout (STRIDE_WINDOWS_DIR, or one among the temporary ones). Where that cannot be, it says so and ends with 0,
 * or with 1 where STRIDE_REQUIRE_WINDOWS is set. What Wine shows and what not: test/README.md.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { copyCheckout } from './windows/checkout.mjs'
import { Wine, whyNoWine } from './windows/wine.mjs'

const SUITES = {
  conformance: ['test/mmap/platform-conformance.test.ts', 'test/mmap/source-articles.test.ts'],
  mappings: ['test/mmap'],
  /** Parts of `mappings` and `stores`, for `--only`. */
  'shared memory': [
    ...['memory', 'initialize', 'handing-over'].map(name => `test/mmap/shared-${name}.test.ts`),
    'test/engine/shared-memory',
  ],
  stores: ['test/engine', 'test/golden'],
  /** What a store does with its file, in a third of the time. */
  files: [
    ...['open', 'openers', 'locks', 'journal', 'replay', 'recovery-limits', 'whole-file', 'rows', 'golden'],
    ...['flat-file', 'after-close', 'index/definitions', 'index/next-index-file', 'index/foreign-files'],
  ].map(name => `test/engine/${name}.test.ts`),
  kills: ['test/crash/kill.test.ts'],
  faults: ['test/crash/faults.test.ts'],
}
/** Everything where the library is at home; the seam alone on builds of Node that Wine 8 runs with a patch. */
const FULL = ['mappings', 'stores', 'kills', 'faults', 'same bytes', 'demo']
const PLAN = [
  ['20.20.2', FULL, ['conformance', 'files', 'kills', 'same bytes', 'demo']],
  ['22.23.3', FULL, ['mappings', 'same bytes', 'demo']],
  ['24.21.0', ['conformance', 'stores', 'same bytes'], ['conformance']],
  ['26.10.0', ['conformance', 'stores', 'same bytes'], ['conformance']],
]

/** Tests of all stores take ten minutes on two cores. */
const SUITE_MS = 1_800_000

/** All of it takes minutes there: positioned reads through Wine cost ten times what they cost without. */
const DEMO_OPTIONS = ['--records', '200000', '--lookups', '100000', '--rounds', '1']

const checkout = fileURLToPath(new URL('..', import.meta.url))
const work = process.env.STRIDE_WINDOWS_DIR ?? join(tmpdir(), `stridedb-windows-${process.getuid?.() ?? ''}`)
const copy = join(work, 'checkout')
const startedMs = performance.now()
const seconds = sinceMs => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
let failures = 0

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    only: { type: 'string' },
  },
})
const why = whyNoWine()
if (why !== undefined) {
  console.log(`SKIPPED: the tests on Windows. ${why}.`)
  process.exit(process.env.STRIDE_REQUIRE_WINDOWS === undefined ? 0 : 1)
}

const wine = new Wine(work)
step('Wine, and the packages for Windows')
wine.install()
execFileSync('npm', ['run', '--silent', 'build'], { cwd: checkout, stdio: 'inherit' })
copyCheckout(checkout, copy)
console.log(`ready after ${seconds(startedMs)}`)

for (const [version, full, quick] of PLAN) {
  if (values.node !== undefined && !values.node.split(',').includes(version)) continue
  wine.fetchNode(version)
  const only = values.only?.split(',')
  for (const suite of only ?? (values.quick ? quick : full)) {
    step(`Node ${version} on Windows: ${suite}`)
    const sinceMs = performance.now()
    const result =
      suite === 'same bytes'
        ? sameBytes(version)
        : suite === 'demo'
          ? demo(version)
          : vitest(version, SUITES[suite])
    if (!result.isGood) failures++
    console.log(`${result.isGood ? 'passed' : 'FAILED'}: ${result.counts} (${seconds(sinceMs)})`)
  }
}
wine.stop()
console.log(`\n${failures === 0 ? 'all passed' : `${failures} FAILED`} on Windows, in ${seconds(startedMs)}`)
process.exit(failures === 0 ? 0 : 1)

function step(title) {
  console.log(`\n== ${title} ==`)
}

/** Runs test files; nothing passing counts as a failure. */
function vitest(version, files) {
  const report = join(copy, 'windows-report.json')
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', '--outputFile.json=windows-report.json']
  const { status, output } = wine.node(
    version,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--mode',
      'all',
      ...reporters,
      ...files.filter(name => existsSync(join(copy, name))),
    ],
    { cwd: copy, timeoutMs: SUITE_MS },
  )
  if (!existsSync(report)) {
    console.log(output)
    return { isGood: false, counts: `no report, exit ${status}` }
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  const isGood = status === 0 && numFailedTests === 0 && numPassedTests > 0
  if (!isGood) console.log(output)
  for (const { assertionResults } of testResults)
    for (const { status: outcome, fullName } of assertionResults)
      if (outcome !== 'passed' && outcome !== 'failed') console.log(`  not run: ${fullName}`)
  return {
    isGood,
    counts: `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} not run, of ${testResults.length} files`,
  }
}

/** The same steps here and there: the same bytes, also where one system carries on what the other one left. */
function sameBytes(version) {
  const places = { linux: join(work, 'bytes-linux'), windows: join(work, 'bytes-windows') }
  for (const place of Object.values(places)) {
    rmSync(place, { recursive: true, force: true })
    mkdirSync(place)
  }
  const here = (action, folder) => {
    const { stdout, stderr } = spawnSync(process.execPath, ['scripts/windows/same-bytes.mjs', action, folder], {
      cwd: checkout,
      encoding: 'utf8',
    })
    return stdout.trim() || stderr
  }
  const there = (action, folder) => {
    const windowsFolder = `Z:${folder.replaceAll('/', '\\')}`
    return wine
      .node(version, ['scripts/windows/same-bytes.mjs', action, windowsFolder], { cwd: copy })
      .output.trim()
  }
  let alike = 0
  const steps = [
    ['write', here, there],
    ['leave', there, here],
    ['carry-on', here, there],
    ['leave', here, there],
    ['carry-on', there, here],
  ]
  for (const [action, first, second] of steps) {
    const a = first(action, places.linux)
    const b = second(action, places.windows)
    if (a === b && a.startsWith('{"ok":true')) alike++
    else console.log(`${action} differs:\n${a}\n${b}`)
  }
  const recovered = here('carry-on', copyOf(places.windows))
  const isRecovered = recovered.startsWith('{"ok":true')
  return {
    isGood: alike === steps.length && isRecovered,
    counts: `${alike} of ${steps.length} steps left the same bytes on both systems`,
  }
}

function copyOf(folder) {
  const other = `${folder}-again`
  rmSync(other, { recursive: true, force: true })
  cpSync(folder, other, { recursive: true })
  return other
}

function demo(version) {
  const { status, output } = wine.node(
    version,
    ['node_modules/tsx/dist/cli.mjs', 'examples/demo/main.ts', ...DEMO_OPTIONS],
    {
      cwd: copy,
    },
  )
  if (status !== 0) console.log(output)
  const last = output.trim().split('\n').at(-1) ?? ''
  return { isGood: status === 0, counts: `exit ${status}; its last line: ${last}` }
}
