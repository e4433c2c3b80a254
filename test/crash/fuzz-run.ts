/**
 * Runs a fuzzing thread and watches it: one that stays at a mutant is ended, and the mutant named.
 */

import { Worker } from 'node:worker_threads'
import { bundle, type Mutation } from './bundle.ts'
import type { FuzzAnswer, FuzzWork } from './fuzz-worker.ts'
import { Violation } from './violation.ts'

const WATCH_MS = 500
/** Nothing that is bounded takes so long, whatever else the machine does. */
const STUCK_MS = 8000

/** @param mutations what is broken in the engine on purpose @throws Violation with what was broken, and how to repeat it */
export async function fuzz(
  work: Omit<FuzzWork, 'at'>,
  mutations: readonly Mutation[] = [],
): Promise<FuzzAnswer> {
  const at = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(await bundle('fuzz-worker.ts', mutations), {
    workerData: { ...work, at } satisfies FuzzWork,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  })
  const repeat = (index: number): string =>
    `STRIDEDB_SEED=${work.seed} STRIDEDB_MUTANT=${index} npx vitest run --mode all test/crash/fuzz.test.ts`
  let seen = -1
  let since = performance.now()
  let watch: NodeJS.Timeout | undefined
  try {
    const answer = await new Promise<FuzzAnswer>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', error =>
        reject(
          new Violation(
            `mutant ${Atomics.load(at, 0)} ended the thread: ${error}; ${repeat(Atomics.load(at, 0))}`,
          ),
        ),
      )
      worker.once('exit', () => reject(new Violation(`the thread ended at mutant ${Atomics.load(at, 0)}`)))
      watch = setInterval(() => {
        const index = Atomics.load(at, 0)
        if (index !== seen) {
          seen = index
          since = performance.now()
        } else if (performance.now() - since > STUCK_MS) {
          reject(new Violation(`mutant ${index} hangs; to repeat: ${repeat(index)}`))
        }
      }, WATCH_MS)
    })
    const { violations, mutants } = answer
    if (violations.length === 0) return answer
    const broken = violations.reduce((sum, { times }) => sum + times, 0)
    const list = violations.map(({ times, first }) => `${times} times, first ${first}`)
    const number = /mutant (\d+)/.exec(list[0] as string)?.[1]
    throw new Violation(
      `seed ${work.seed}: ${broken} of ${mutants} mutants broke a promise, in ${list.length} ways; to repeat one: ${repeat(Number(number))}\n${list.join('\n')}`,
    )
  } finally {
    clearInterval(watch)
    await worker.terminate()
  }
}
