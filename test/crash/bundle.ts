/**
 * A part of the harness with the engine in one file, for child processes that must start fast, and for engines that
 * were changed on purpose.
 */

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** A change of the engine's source text that must break it. */
export interface Mutation {
  readonly name: string
  /** From the repository's top. */
  readonly file: string
  /** Occurs exactly once. */
  readonly find: string
  readonly replace: string
}

const TOP = fileURLToPath(new URL('../../', import.meta.url))
// Inside the repository, so that what is not bundled (koffi) is found.
const BUILT = fileURLToPath(new URL('.built/', import.meta.url))
const built: string[] = []

/**
 * Bundles `entry`, a file of this folder, with these mutations applied.
 * @returns the path of a module for node
 * @throws Error where a mutation's file is not part of it, or its text does not occur exactly once
 */
export async function bundle(entry: string, mutations: readonly Mutation[] = []): Promise<string> {
  mkdirSync(BUILT, { recursive: true })
  const name = [
    entry.replace(/\.ts$/, ''),
    process.pid,
    ...mutations.map(each => each.name.replaceAll(/\W+/g, '-')),
  ]
  const outfile = join(BUILT, `${name.join('.')}.mjs`)
  built.push(outfile)
  const applied = new Set<Mutation>()
  await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutate',
        setup(hooks) {
          hooks.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const file = relative(TOP, path)
            const wanted = mutations.filter(mutation => mutation.file === file)
            if (wanted.length === 0) return undefined
            const contents = wanted.reduce(
              (text, mutation) => {
                applied.add(mutation)
                return mutated(text, mutation)
              },
              readFileSync(path, 'utf8'),
            )
            return { contents, loader: 'ts' }
          })
        },
      },
    ],
  })
  const missed = mutations.filter(mutation => !applied.has(mutation))
  if (missed.length > 0) throw new Error(`not part of ${entry}: ${missed.map(({ file }) => file).join(', ')}`)
  return outfile
}

/** Removes what this process bundled. */
export function removeBundles(): void {
  for (const path of built.splice(0)) rmSync(path, { force: true })
}

function mutated(text: string, { name, file, find, replace }: Mutation): string {
  const parts = text.split(find)
  if (parts.length === 2) return parts.join(replace)
  throw new Error(`the mutation "${name}" finds its text ${parts.length - 1} times in ${file}, not once`)
}
