/**
 * Do the records of a store fit its unique indexes? They are built in memory, without an index file, to find out.
 */

import { createSimulatedPlatform } from '../../../mmap/simulated/simulated-platform.ts'
import type { Steps } from '../../steps/steps.ts'
import type { IndexDefinition } from '../keys/index-definition.ts'
import { createIndexes, type IndexOpening, UNHEARD } from './index-opening.ts'
import type { IndexSet } from './index-set.ts'

/** Pages are copied as they are shown: few at once. */
const WINDOWS = {
  windowBytes: 64 * 1024,
  mappedBytesMax: Number.POSITIVE_INFINITY,
  advice: 'normal',
  readsFirst: true,
} as const

/** What the records are read from, and how much of it there is. */
export type IndexedRecords = Pick<IndexOpening, 'path' | 'identity' | 'codec' | 'locator' | 'root'>

/** Builds indexes of everything that the root counts. Whoever takes the set closes it. @throws ERR_STRIDE_DUPLICATE_KEY, _LIMIT */
export function* buildInMemory(
  records: IndexedRecords,
  definitions: readonly IndexDefinition[],
): Steps<IndexSet> {
  const { root } = records
  const set = createIndexes({
    ...records,
    platform: createSimulatedPlatform(),
    windows: WINDOWS,
    like: undefined,
    declared: [],
    state: root,
    frames: () => [],
    applied: () => root,
    calls: UNHEARD,
  })
  try {
    for (const definition of definitions) yield* set.build(set.begin(definition), root.size)
    return set
  } catch (error) {
    set.close()
    throw error
  }
}
