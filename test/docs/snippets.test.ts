/**
 * What could go wrong: a README whose code does not run. All TypeScript blocks of a page, in order, are one program;
 * it runs as a user's would, against the built package.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'
import { removeFolder } from '../remove-folder.ts'

const pages = ['README.md', ...readdirSync('docs').map(name => join('docs', name))].filter(path =>
  path.endsWith('.md'),
)

function programOf(path: string): string {
  const blocks = [...readFileSync(path, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
    match => match[1] as string,
  )
  const lines = blocks.join('\n').split('\n')
  // Imports may be repeated from block to block; a module may not.
  const imports = new Set(lines.filter(line => line.startsWith('import ')))
  return [...imports, ...lines.filter(line => !line.startsWith('import '))].join('\n')
}

test.each(pages.filter(path => programOf(path).trim() !== ''))('the code in %s runs', path => {
  // Inside the repository, so that 'stridedb' means this package.
  const folder = mkdtempSync(resolve('test/docs/.snippets-'))
  try {
    const program = join(folder, 'program.mts')
    writeFileSync(program, programOf(path))
    const tsx = resolve('node_modules/tsx/dist/cli.mjs')
    const run = spawnSync(process.execPath, [tsx, program], { cwd: temporaryFolder(), encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
  } finally {
    removeFolder(folder)
  }
})

test('the README has code', () => {
  expect(programOf('README.md')).toContain('openStore')
})
