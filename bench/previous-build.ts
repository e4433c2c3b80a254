/**
 * The library as it was before the journal, for comparison in one run. Its files and ours can read each other, since a closed
 * store names no journal.
 */

import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { bundleOf } from './build-commit.ts'
import type { Context } from './context.ts'
import { type Trade, tradeShape } from './trade.ts'

/** The last commit without a journal. */
const COMMIT = '097223c'

/** A build of the library, with the schema that it knows. */
export interface Build {
  readonly openStore: typeof import('stridedb').openStore
  readonly Trade: typeof Trade
}

/** The build, or why there is none. */
export async function previousBuild(context: Context): Promise<Build | string> {
  if (context.isSmoke) return 'a smoke run does not build the library before the journal'
  try {
    const library = (await import(pathToFileURL(await bundleOf(COMMIT)).href)) as typeof import('stridedb')
    return { openStore: library.openStore, Trade: z.object(tradeShape(library)) }
  } catch (error) {
    return `NO BUILD BEFORE THE JOURNAL, its sides and targets are skipped: ${String(error)}`
  }
}
