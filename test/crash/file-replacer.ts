/**
 * A process that replaces a store's file, or gives the store an index: `node file-replacer.mjs PATH compact|migrate|index`.
 *
 * After compacting it commits more. Migrating keeps the layout and the commit number, and raises each version by one.
 */

import { z } from 'zod'
import { migrateStore } from '../../src/engine/maintenance/migrate.ts'
import { openStore } from '../../src/engine/open.ts'
import { bytes } from '../../src/schema/entry.ts'

/** Large records: a copy takes several turns of the event loop. */
export const Versioned = z.object({ id: z.uint32(), version: z.uint32(), pad: bytes(240) })

const [path, how] = process.argv.slice(2)
if (path !== undefined) {
  if (how === 'migrate') {
    migrateStore(path, Versioned, record => ({ ...record, version: Number(record.version) + 1 }) as never)
  }
  if (how === 'compact') {
    using store = openStore(path, Versioned)
    await store.compact()
    for (let n = 20; n < 23; n++) {
      store.update(n, { pad: new Uint8Array(240).fill(n) })
      store.append({ id: 10_000_000 + n, version: 0, pad: new Uint8Array(240) })
      store.commitSync()
    }
  }
  if (how === 'index') {
    using store = openStore(path, Versioned)
    await store.createIndex('byId', { on: 'id', unique: true })
  }
}
