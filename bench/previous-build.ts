/**
 * The library as it was before the journal: built once from its commit, for comparison in one run.
 *
 * It lies in bench/build, which git ignores, and takes zod and koffi from this checkout. Its files and ours can read
 * each other, since a closed store names no journal.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { z } from 'zod'
import type { Context } from './context.ts'
import { type Trade, tradeShape } from './trade.ts'

/** The last commit without a journal. */
const COMMIT = '097223c'
const ROOT = join(import.meta.dirname, '..')
const FOLDER = join(import.meta.dirname, 'build', COMMIT)

/** A build of the library, with the schema that it knows. */
export interface Build {
  readonly openStore: typeof import('stridedb').openStore
  readonly Trade: typeof Trade
}

/** The build, or why there is none. */
export async function previousBuild(context: Context): Promise<Build | string> {
  if (context.isSmoke) return 'a smoke run does not build the library before the journal'
  const bundle = join(FOLDER, 'index.js')
  try {
    if (!existsSync(bundle)) await buildAt(bundle)
    const library = (await import(pathToFileURL(bundle).href)) as typeof import('stridedb')
    return { openStore: library.openStore, Trade: z.object(tradeShape(library)) }
  } catch (error) {
    return `NO BUILD BEFORE THE JOURNAL, its sides and targets are skipped: ${String(error)}`
  }
}

async function buildAt(bundle: string): Promise<void> {
  const sources = join(FOLDER, 'sources')
  mkdirSync(sources, { recursive: true })
  const archive = execFileSync('git', ['archive', COMMIT, 'src'], { cwd: ROOT, maxBuffer: 2 ** 28 })
  execFileSync('tar', ['-x', '-C', sources], { input: archive })
  // As scripts/bundle.mjs does it.
  await build({
    entryPoints: [join(sources, 'src', 'index.ts')],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20.19',
    charset: 'utf8',
    logLevel: 'warning',
  })
  rmSync(sources, { recursive: true })
}
