/**
 * The built package as it is installed, in a folder of its own, and programs that run there.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Installed {
  readonly folder: string
  /** Runs a module that may import stridedb and zod. @returns what it printed, line by line */
  run(source: string, nodeArgs?: readonly string[]): string[]
}

/** @param native whether koffi has its build for this machine. @param koffi whether it is there at all */
export function install({ native = true, koffi = true } = {}): Installed {
  if (!existsSync(join(ROOT, 'dist/index.js')))
    throw new Error('The package is not built: run `npm run build` first')
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-installed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'stridedb'), { recursive: true })
  const copy = (from: string, to: string): void =>
    cpSync(join(ROOT, from), join(modules, to), { recursive: true, dereference: true })
  for (const name of ['dist', 'package.json']) copy(name, `stridedb/${name}`)
  for (const name of ['zod', ...(koffi ? ['koffi'] : []), ...(koffi && native ? ['@koromix'] : [])])
    copy(`node_modules/${name}`, name)
  let programs = 0
  return {
    folder,
    run(source, nodeArgs = []) {
      const program = join(folder, `program-${programs++}.mjs`)
      writeFileSync(program, source)
      const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, program], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 50_000,
      })
      if (status !== 0) throw new Error(`The program ended with ${status}:\n${stdout}\n${stderr}`)
      return stdout.trimEnd().split('\n')
    },
  }
}

/** Node's arguments for running `source` first, which gets the koffi that stridedb will load as `koffi`. */
export function beforeAll(folder: string, source: string): string[] {
  const preload = join(folder, 'preload.mjs')
  writeFileSync(
    preload,
    `import { createRequire } from 'node:module'
     const koffi = createRequire(${JSON.stringify(join(folder, 'node_modules/stridedb/dist/index.js'))})('koffi')
     ${source}`,
  )
  return ['--import', pathToFileURL(preload).href]
}

/** Node's own major version. */
export const NODE_MAJOR = Number(process.versions.node.split('.')[0])
