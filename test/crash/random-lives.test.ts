/**
 * What could go wrong: an answer that is wrong after operations that nobody thought to try one after another, of records, options and
 * indexes that nobody thought to put together. Rules: RL1 and RL2 of random-life.ts.
 */

import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'
import { bundle, type Mutation, removeBundles } from './bundle.ts'
import { runSeed } from './random.ts'
import { runLives } from './random-lives.ts'

const seed = runSeed()
afterAll(removeBundles)
/** 200,000 in all. */
const OPERATIONS = { memory: 60_000, mapped: 40_000, file: 40_000 } as const
const OPERATIONS_PLAIN = 20_000

const BROKEN: readonly Mutation[] = [
  {
    name: 'a batch that is refused stays in part',
    file: 'src/engine/commit/store-writer.ts',
    find: `      staging.truncate(size)
      this.parts.changed()
`,
    replace: '',
  },
  {
    name: 'a rollback gives no numbers back',
    file: 'src/engine/commit/store-writer.ts',
    find: `  forgetHints(): void {
    this.#freeHint = 0`,
    replace: `  forgetHints(): void {`,
  },
  {
    name: 'an index is not told of a deletion',
    file: 'src/engine/commit/writer.ts',
    find: `    this.parts.indexes?.deleting(n)
`,
    replace: '',
  },
]

describe('random lives of stores', () => {
  const optionsFor = (child: string, backend: 'memory' | 'mapped' | 'file') => ({
    folder: temporaryFolder(),
    seed,
    from: 0,
    backend,
    child,
  })

  test.each(['memory', 'mapped', 'file'] as const)('answer as a model does, %s', async backend => {
    const options = optionsFor(await bundle('life-child.ts'), backend)
    const operations = OPERATIONS[backend]
    expect(await runLives({ ...options, operations, isCompiled: true })).toBe(operations / 2000)
  })

  test.each(['memory', 'mapped', 'file'] as const)(
    'answer as a model does where no code may be generated, %s',
    async backend => {
      const options = { ...optionsFor(await bundle('life-child.ts'), backend), from: 1000 }
      expect(await runLives({ ...options, operations: OPERATIONS_PLAIN, isCompiled: false })).toBe(10)
    },
  )

  test.each(BROKEN)('are seen to answer otherwise where $name', async mutation => {
    const options = optionsFor(await bundle('life-child.ts', [mutation]), 'memory')
    await expect(runLives({ ...options, operations: 20_000, isCompiled: true })).rejects.toThrow(
      /seed \d+, life \d+/,
    )
  })
})
