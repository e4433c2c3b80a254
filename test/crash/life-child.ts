/**
 * Random lives of stores in a process of their own: `node life-child.mjs FOLDER SEED FROM OPERATIONS BACKEND`. It lives one after
 * another until so many operations are done, and answers with a line of JSON.
 */

import { join } from 'node:path'
import { z } from 'zod'
import { codecOf, u8 } from '../../src/schema/index.ts'
import { liveOnce } from './random-life.ts'
import { Violation } from './violation.ts'

export type LivesAnswer =
  | { readonly lives: number; readonly operations: number; readonly isCompiled: boolean }
  | { readonly violation: string }

const OPERATIONS_A_LIFE = 2000
const [folder = '', seed, from, count, backend = ''] = process.argv.slice(2)
const total = Number(count)

async function liveAll(): Promise<LivesAnswer> {
  let lives = 0
  let done = 0
  try {
    for (; done < total; lives++) {
      const operations = Math.min(OPERATIONS_A_LIFE, total - done)
      await liveOnce({
        path: join(folder, `${backend}.stride`),
        seed: Number(seed),
        life: Number(from) + lives,
        operations,
        backend: backend as 'mapped' | 'file' | 'memory',
      })
      done += operations
    }
  } catch (error) {
    if (error instanceof Violation) return { violation: error.message }
    throw error
  }
  return { lives, operations: done, isCompiled: codecOf(z.object({ a: u8() })).compiled }
}

process.stdout.write(`${JSON.stringify(await liveAll())}\n`)
