/**
 * Builds indexes in memory, without an index file, to check that the records of a store fit its unique indexes.
 */

import { createSimulatedPlatform } from '../../../mmap/simulated/simulated-platform.ts'
import type { Steps } from '../../steps/steps.ts'
import type { IndexDefinition } from '../keys/index-definition.ts'
import { createIndexes, type IndexOpening, UNHEARD } from './index-opening.ts'
import type { IndexSet } from './index-set.ts'

/** Small windows, since the simulated platform copies pages to show them. */
const WINDOWS = {
  windowBytes: 64 * 1024,
  mappedBytesMax: Number.POSITIVE_INFINITY,
  advice: 'normal',
  readsFirst: true,
} as const

/** The records to index: all that the root counts. */
export type IndexedRecords = Pick<IndexOpening, 'path' | 'identity' | 'codec' | 'locator' | 'root'>

/** Builds the indexes. The caller closes the set. @throws ERR_STRIDE_DUPLICATE_KEY, _LIMIT */
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
