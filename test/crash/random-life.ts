/**
 * One life of a store: random operations on records of a random schema, each compared with a model (life-model.ts).
 *
 *   RL1  every call answers as the model does, staged changes included; what is refused changes nothing.
 *   RL2  what was committed is there after closing, for a reader beside the writer, and in a backup.
 * Everything follows from a seed and the number of the life. Nothing fails here and nobody is killed: mixed-kills.ts.
 */

import { rmSync } from 'node:fs'
import { Life, type LifeBackend } from './life.ts'
import { DRAWN, DRAWN_IN_MEMORY, OPERATIONS, SIDE_FILES, SIZE_MAX } from './life-operations.ts'
import { seededRandom } from './random.ts'
import { during } from './violation.ts'

export interface LifeOptions {
  readonly path: string
  readonly seed: number
  /** Which of the lives that follow from the seed. */
  readonly life: number
  readonly operations: number
  readonly backend: LifeBackend
}

const COMPARED_EACH = 400

/** @throws Violation with the seed, the life, and which operation it was */
export async function liveOnce(options: LifeOptions): Promise<void> {
  const { path, seed, life: number, operations, backend } = options
  const life = new Life(path, backend, seededRandom(seed, number))
  const drawn = backend === 'memory' ? DRAWN_IN_MEMORY : DRAWN
  let done = 0
  let name = 'open'
  try {
    life.reopen()
    for (; done < operations; done++) {
      const operation = life.model.size > SIZE_MAX ? OPERATIONS.shrink : life.random.pick(drawn)
      name = operation.name
      const running = operation.run(life)
      if (running !== undefined) await running
      if (done % COMPARED_EACH === 0) life.model.expectAll(life.store)
    }
    name = 'the end'
    await OPERATIONS.commit.run(life)
    life.model.expectAll(life.store)
    await OPERATIONS.verify.run(life)
    await OPERATIONS.reopen.run(life)
    life.model.expectAll(life.store)
  } catch (error) {
    await during(`${backend}, seed ${seed}, life ${number}, operation ${done} (${name})`, () => {
      throw error
    })
  } finally {
    life.close()
    for (const ending of SIDE_FILES) rmSync(path + ending, { force: true })
  }
}
