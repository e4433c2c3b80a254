/**
 * The same loops in C (c/baseline.c), each batch a process that times itself: the limit of the machine.
 *
 * Built with gcc into bench/build, which git ignores; without gcc the rows lack that side and say so.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { dataOffsetOf, TRADE_BYTES } from './baseline.ts'
import type { OwnTiming, Side } from './measure.ts'

const SOURCE = join(import.meta.dirname, 'c', 'baseline.c')
const BINARY = join(import.meta.dirname, 'build', 'baseline')

/** Compiles the baseline if need be. @returns why there is none, or undefined */
export function buildCBaseline(): string | undefined {
  if (existsSync(BINARY) && statSync(BINARY).mtimeMs >= statSync(SOURCE).mtimeMs) return undefined
  mkdirSync(join(import.meta.dirname, 'build'), { recursive: true })
  const gcc = spawnSync('gcc', ['-O2', '-std=c11', '-Wall', '-Wextra', '-o', BINARY, SOURCE], {
    encoding: 'utf8',
  })
  if (gcc.status === 0) return undefined
  return gcc.error === undefined
    ? `gcc failed: ${gcc.stderr.trim()}`
    : `gcc does not start: ${gcc.error.message}`
}

export interface CLoop {
  readonly loop: 'hash' | 'field' | 'gather' | 'column' | 'scan'
  readonly operations: number
  readonly seed: number
  readonly records: number
  readonly files: readonly string[]
}

/** The C side of a row: none where it could not be built. */
export function cSides(loop: CLoop): Side[] {
  if (!existsSync(BINARY)) return []
  return [{ name: 'C', operations: loop.operations, run: () => runLoop(loop) }]
}

function runLoop({ loop, operations, seed, records, files }: CLoop): OwnTiming {
  const offset = dataOffsetOf(files[0] as string)
  const facts = [loop, operations, seed, TRADE_BYTES, offset, records, ...files].map(String)
  const answer = execFileSync(BINARY, facts, { encoding: 'utf8' })
  const [ns = Number.NaN, checksum = Number.NaN, minor = 0, major = 0] = answer.split(' ').map(Number)
  return { ns, checksum, faults: { minor, major } }
}
