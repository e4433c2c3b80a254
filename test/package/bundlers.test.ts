/**
 * What could go wrong in a bundle: koffi is lost in it and a store is written without a lock, it is not found although it is
 * installed, or the error does not say which setting is missing. Rule S0; KF1 of mmap/koffi.ts.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { install } from './installed.ts'

const PROGRAM = `
import { openStore } from 'stridedb'
import { z } from 'zod'
export const Point = z.object({ x: z.uint32() })
try {
  const store = openStore('x.stride', Point)
  store.append({ x: 7 })
  store.commitSync()
  console.log(store.backend, store.count)
  store.close()
} catch (error) {
  console.log(error.code + ': ' + error.message)
}
`
/** Build programs of the page, by their file name. */
const BUILDS = new Map(
  [
    ...readFileSync(resolve('docs/bundlers.md'), 'utf8').matchAll(
      /^```js\n\/\/ (build-\S+)\n([\s\S]*?)^```$/gm,
    ),
  ].map(([, name, source]) => [name as string, source as string]),
)

function folderOfItsOwn(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-bundled-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function run(program: string, cwd: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [program], { cwd, encoding: 'utf8', timeout: 50_000 })
  return stdout.trim() + stderr
}

it('has a build program for esbuild and one for Rolldown on the page', () => {
  expect([...BUILDS.keys()]).toEqual(['build-esbuild.mjs', 'build-rolldown.mjs'])
})

describe.each([
  ['as the page says', 'esm', true],
  ['without the setting', 'esm', false],
  ['as CommonJS', 'cjs', true],
] as const)('a bundle made %s', (_, format, isSet) => {
  it.each([...BUILDS.keys()])(
    'by %s finds koffi where it is installed, and says what is missing where it is not',
    name => {
      const { folder } = install()
      writeFileSync(join(folder, 'program.mjs'), PROGRAM)
      for (const bundler of ['esbuild', 'rolldown'])
        symlinkSync(resolve('node_modules', bundler), join(folder, 'node_modules', bundler), 'junction')
      let build = BUILDS.get(name) as string
      if (format === 'cjs') build = build.replace("'esm'", "'cjs'").replace(/out\/(\w+)\.mjs/, 'out/$1.cjs')
      if (!isSet) build = build.replace(/,?\s*external: \['koffi'\],?/, '')
      writeFileSync(join(folder, name), build)
      mkdirSync(join(folder, 'out'), { recursive: true })
      const built = run(join(folder, name), folder)
      const bundle = join(folder, /out\/[\w.]+/.exec(build)?.[0] as string)
      expect(readFileSync(bundle, 'utf8').includes('did you bundle it correctly'), built).toBe(false)
      expect(run(bundle, folder)).toBe('mapped 1')

      // Elsewhere without koffi: nothing is written, and the setting is named.
      const bare = folderOfItsOwn()
      const moved = join(bare, basename(bundle))
      cpSync(bundle, moved)
      const said = run(moved, bare)
      expect(said).toContain('ERR_STRIDE_NO_LOCK')
      expect(said).toContain("external: ['koffi']")
      expect(said).toContain('serverExternalPackages')

      // Elsewhere, and run by a program that has koffi beside itself.
      const main = join(folder, 'main.mjs')
      writeFileSync(main, `import ${JSON.stringify(new URL(`file://${moved}`).href)}`)
      expect(run(main, folder)).toBe('mapped 2')
    },
  )
})
