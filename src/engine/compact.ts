/**
 * Compact: the same store without its deleted records, in a new file of the next generation.
 */

import { newIdentity } from './header.ts'
import type { Locator } from './locator.ts'
import { StoreBuilder } from './rebuild.ts'
import { type StoreFile, writeWhole } from './store-file.ts'

/** For a record number that no longer exists. */
export const GONE = -1

/**
 * Writes the live records beside the file and takes its name. Nothing is staged.
 * @param replacing called when the new file is whole and is about to take the name
 * @returns for each old record number the new one, or GONE
 */
export function compactFile(
  store: StoreFile,
  locator: Locator,
  commitNumber: number,
  replacing: () => void,
): Float64Array {
  const { staging, addressing, checksums } = locator
  const end = staging.size
  const moved = new Float64Array(end).fill(GONE)
  const identity = newIdentity(store.codec.layout, store.identity)
  writeWhole(store.platform, store.path, undefined, file => {
    const builder = new StoreBuilder(file, identity, locator.checksums.exists)
    for (let n = locator.nextLive(0, end); n < end; n = locator.nextLive(n, end)) {
      const source = locator.run(n, end)
      if (source === undefined) break
      const { at, count } = locator
      for (let i = 0; i < count; i++) moved[n + i] = builder.size + i
      const first = n
      builder.addRecords(source.bytes.subarray(at, at + count * addressing.stride), i =>
        checksums.stored(first + i),
      )
      n += count
    }
    builder.finish(commitNumber)
    replacing()
  })
  return moved
}
