/**
 * What could go wrong: a file is damaged, and opening it crashes, hangs, asks for all memory, or answers with something
 * that was never committed as if nothing had happened.
 * Rules of docs/durability.md: D8.
 */

import { afterAll, expect, test } from 'vitest'
import { type Mutation, removeBundles } from './bundle.ts'
import { fuzz } from './fuzz-run.ts'
import { runSeed } from './random.ts'

const seed = runSeed()
afterAll(removeBundles)
const MUTANTS = 20_000
const CODES = ['CORRUPT', 'TRUNCATED', 'NOT_A_STORE', 'FORMAT_NEWER', 'JOURNAL_MISSING']

/** Engines that believe too much, and what must be said of each. */
const CREDULOUS: readonly (Mutation & { readonly said: string })[] = [
  {
    name: 'the checksum of the identity is not looked at',
    file: 'src/engine/format/identity.ts',
    find: `if (!IDENTITY.isIntact(page))`,
    replace: `if (!IDENTITY.isIntact(page) && page.length === 0)`,
    said: 'in spite of damage to identity',
  },
  {
    name: 'a damaged frame ends the journal whatever later ones say',
    file: 'src/engine/journal/journal-scan.ts',
    find: `const synced = Math.max(chain.synced, known.synced, syncedCommit)`,
    replace: `const synced = -1`,
    said: 'though a synced frame is damaged',
  },
  {
    name: 'a deletion bit is not compared with the checksum table',
    file: 'src/engine/data-file/checked-records.ts',
    find: `if (checksums.marksDeleted && checksums.isMarked(n, ahead) !== isDeleted)`,
    replace: `if (checksums.marksDeleted && n < 0)`,
    said: 'by the flipped deletion bit',
  },
]

const only = process.env.STRIDEDB_MUTANT
if (only !== undefined) {
  test(`answers mutant ${only} of seed ${seed} rightly, or with a code`, async () => {
    await fuzz({ seed, from: Number(only), to: Number(only) + 1 })
  })
} else {
  test(`answers each of ${MUTANTS} damaged stores rightly, or with a code`, async () => {
    const { codes, mutants, opened } = await fuzz({ seed, from: 0, to: MUTANTS })
    expect(mutants).toBe(MUTANTS)
    expect(opened).toBeGreaterThan(MUTANTS / 20)
    for (const code of CODES) expect(codes[`ERR_STRIDE_${code}`], code).toBeGreaterThan(0)
  })

  test.each(CREDULOUS)('the fuzzing notices when $name', async ({ said, ...mutation }) => {
    await expect(fuzz({ seed, from: 0, to: 1000 }, [mutation])).rejects.toThrow(said)
  })
}
