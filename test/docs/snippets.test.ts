/**
 * What could go wrong: a page whose code does not compile, does not run, dies on its second run, or prints something else than
 * the page says.
 *
 * All `ts` blocks of a page, in order, are one program. It runs as a user's would, in a folder that has the built package among
 * its node_modules, twice. A `js` block that begins with the comment `// name.mjs` is a file beside the program.
 * A line `console.log(…)  // text` outside of every block promises that the first run prints this text.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'

const pages = ['README.md', ...readdirSync('docs').map(name => join('docs', name))].filter(path =>
  path.endsWith('.md'),
)
const PROMISE = /^console\.log\((.*)\)\s+\/\/ (.*)$/

interface Program {
  readonly text: string
  /** Files beside it, by their names. */
  readonly files: Readonly<Record<string, string>>
  /** What the first run prints behind the marks `#0`, `#1`, …. */
  readonly promised: readonly string[]
}

function programOf(page: string): Program {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(match => match[1] as string)
  const files = [...page.matchAll(/^```js\n\/\/ (\w+\.mjs)\n([\s\S]*?)^```$/gm)].map(match => match.slice(1, 3))
  const promised: string[] = []
  const lines = blocks
    .join('\n')
    .split('\n')
    .map(line => {
      const [, printed, text] = PROMISE.exec(line) ?? []
      if (printed === undefined || text === undefined) return line
      promised.push(text.trim())
      return `console.log('#${promised.length - 1}', ${printed})`
    })
  // Imports may be repeated from block to block; a module may not.
  const imports = new Set(lines.filter(line => line.startsWith('import ')))
  const text = [...imports, ...lines.filter(line => !line.startsWith('import '))].join('\n')
  return { text, files: Object.fromEntries(files), promised }
}

/** A user's folder with these packages and this program. */
function folderWith({ text, files }: Program): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules'))
  const packages = {
    stridedb: '.',
    zod: 'node_modules/zod',
    '@types': 'node_modules/@types',
    '@duckdb': 'node_modules/@duckdb',
  }
  for (const [name, place] of Object.entries(packages)) {
    symlinkSync(resolve(place), join(folder, 'node_modules', name), 'junction')
  }
  for (const [name, content] of Object.entries({ ...files, 'program.mts': text })) {
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** Runs a program, and again in the same folder. @returns what the first run printed behind marks; what went wrong */
function runTwice(program: Program): { readonly printed: readonly string[]; readonly wrong: string } {
  const cwd = folderWith(program)
  const tsx = resolve('node_modules/tsx/dist/cli.mjs')
  const runs = ['first', 'second'].map(which => ({
    which,
    ...spawnSync(process.execPath, [tsx, 'program.mts'], { cwd, encoding: 'utf8' }),
  }))
  const wrong = runs
    .filter(({ status, stderr }) => status !== 0 || stderr !== '')
    .map(({ which, status, stderr }) => `${which} run ended with ${status}: ${stderr}`)
  const marked = [...(runs[0]?.stdout ?? '').matchAll(/^#\d+ (.*)$/gm)]
  return { printed: marked.map(match => (match[1] as string).trim()), wrong: wrong.join('\n') }
}

/** What the compiler has against programs, each of which is a file of the name that it has here. */
function typeErrors(programs: Readonly<Record<string, string>>): string {
  const compilerOptions = { module: 'nodenext', target: 'es2022', lib: ['es2022', 'esnext.disposable'] }
  const config = { compilerOptions: { ...compilerOptions, strict: true, noEmit: true, types: ['node'] } }
  const cwd = folderWith({ text: '', files: programs, promised: [] })
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ ...config, files: Object.keys(programs) }))
  return spawnSync(process.execPath, [resolve('node_modules/typescript/bin/tsc')], { cwd, encoding: 'utf8' })
    .stdout
}

const withCode = pages
  .map(path => ({ path, program: programOf(readFileSync(path, 'utf8')) }))
  .filter(({ program }) => program.text.trim() !== '')

test.each(withCode)('the code in $path runs twice, and prints what the page says', ({ program }) => {
  const { printed, wrong } = runTwice(program)
  expect(wrong).toBe('')
  expect(printed).toEqual(program.promised)
})

test('the code of all pages compiles', () => {
  const programs = withCode.map(({ path, program }) => [`${path.replace(/\W+/g, '-')}.mts`, program.text])
  expect(typeErrors(Object.fromEntries(programs) as Record<string, string>)).toBe('')
})

test('the pages for a new user have code', () => {
  expect(withCode.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'docs/guide.md']))
})

test('a page that does not compile, dies on its second run, or prints something else, is noticed', () => {
  const page = [
    '```ts',
    "import { existsSync, writeFileSync } from 'node:fs'",
    'console.log(1 + 1)   // 3',
    "if (existsSync('left')) throw new Error('the second run')",
    "writeFileSync('left', 1)",
    '```',
  ]
  const program = programOf(page.join('\n').replace("'left', 1", "'left', ''"))
  const { printed, wrong } = runTwice(program)
  expect(printed).toEqual(['2'])
  expect(program.promised).toEqual(['3'])
  expect(wrong).toMatch(/^second run ended with 1: [\s\S]*the second run/)
  expect(typeErrors({ 'wrong.mts': programOf(page.join('\n')).text })).toMatch(
    /^wrong\.mts\(4,23\): error TS2345/,
  )
})
