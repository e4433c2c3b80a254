/**
 * Engines that are broken on purpose: each of these must be caught by the harness (canaries.test.ts).
 */

import type { Mutation } from './bundle.ts'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the root is written without a sync of the data before it',
    file: 'src/engine/committer.ts',
    find: `      this.#countedSync()
      this.#storeRoot(next)`,
    replace: `      this.#storeRoot(next)`,
  },
]
