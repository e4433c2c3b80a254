/**
 * The library of a commit of this repository, bundled once as scripts/bundle.mjs does it.
 *
 * It lies in bench/build, which git ignores, and takes zod and koffi from this checkout.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '..')

/** @param commit as git names it @returns the path of the bundle */
export async function bundleOf(commit: string): Promise<string> {
  const hash = execFileSync('git', ['rev-parse', '--short', commit], { cwd: ROOT, encoding: 'utf8' }).trim()
  const folder = join(ROOT, 'bench', 'build', hash)
  const outfile = join(folder, 'index.js')
  if (existsSync(outfile)) return outfile
  const sources = join(folder, 'sources')
  mkdirSync(sources, { recursive: true })
  const archive = execFileSync('git', ['archive', hash, 'src'], { cwd: ROOT, maxBuffer: 2 ** 28 })
  execFileSync('tar', ['-x', '-C', sources], { input: archive })
  await build({
    entryPoints: [join(sources, 'src', 'index.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20.19',
    charset: 'utf8',
    logLevel: 'warning',
  })
  rmSync(sources, { recursive: true })
  return outfile
}
