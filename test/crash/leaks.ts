/**
 * Do many small operations leave anything behind: descriptors, mappings, memory? On Linux, whose /proc says what a process has.
 *
 *   LE1  what a process has after all of them is what it had after a tenth.
 *   LE2  a closed store is not mapped.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Holdings, LeakAnswer, LeakBackend } from './leak-child.ts'
import { Violation } from './violation.ts'

export interface LeakOptions {
  /** Where the store is to be, unless it is in memory; its folder exists. */
  readonly path: string
  readonly backend: LeakBackend
  readonly seed: number
  readonly operations: number
  /** Bundle of leak-child.ts. */
  readonly child: string
}

/** What compiled code, caches of the runtime and the like may come to; a leak of one byte an operation is more in a long run. */
const HEAP_BYTES_MAX = 2 * 1024 * 1024
/** A store has buffers of about 2 MB, and those of one or two that were closed may not be collected yet. */
const EXTERNAL_BYTES_MAX = 8 * 1024 * 1024

/** Why leaks cannot be looked for here; undefined where they can. */
export const leakObstacle =
  process.platform === 'linux'
    ? undefined
    : `no /proc on ${process.platform}: what a process holds is not known`

/** @throws Violation naming what grew */
export async function findLeaks({ path, backend, seed, operations, child }: LeakOptions): Promise<LeakAnswer> {
  const args = ['--expose-gc', child, path, String(seed), String(operations), backend]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const answer = JSON.parse(stdout) as LeakAnswer
  const { early, late, mappedWhenClosed } = answer
  const grew = (what: keyof Holdings, most: number): string[] =>
    late[what] - early[what] > most ? [`${what} from ${early[what]} to ${late[what]}`] : []
  const grown = [
    ...grew('descriptors', 0),
    ...grew('mappings', 0),
    ...grew('heap', HEAP_BYTES_MAX),
    ...grew('external', EXTERNAL_BYTES_MAX),
    ...(mappedWhenClosed > 0 ? [`mappings of a closed store from 0 to ${mappedWhenClosed}`] : []),
  ]
  if (grown.length === 0) return answer
  throw new Violation(`seed ${seed}, ${backend}, ${operations} operations: ${grown.join('; ')}`)
}
