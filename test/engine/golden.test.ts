/** What could go wrong: a change that no longer reads what an earlier version wrote. */

import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { Everything, everything } from '../golden/golden-records.ts'
import { temporaryFolder } from './support.ts'

const EXPECTED = Array.from({ length: 20 }, (_, i) => i).filter(i => i !== 3 && i !== 19)

describe.each(['format-1.stride'])('%s', name => {
  test('reads as it was written, with its schema and without', async () => {
    const path = join(temporaryFolder(), name)
    copyFileSync(join('test/golden', name), path)
    for (const store of [
      openStore(path, Everything, { readOnly: true }),
      openStore(path, { readOnly: true }),
    ]) {
      expect([store.size, store.count, store.commitNumber]).toEqual([20, 18, 2])
      expect([...store]).toEqual(EXPECTED.map(everything))
      expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: 18 })
      store.close()
    }
    expect(readFileSync(path).equals(readFileSync(join('test/golden', name)))).toBe(true)
  })

  test('can be written to', async () => {
    const path = join(temporaryFolder(), name)
    copyFileSync(join('test/golden', name), path)
    using store = openStore(path, Everything)
    store.append(everything(20))
    store.update(0, { a: 9 })
    await store.commit()
    expect([store.count, store.get(20), store.field(0, 'a')]).toEqual([19, everything(20), 9])
    expect(await store.verify()).toMatchObject({ ok: true })
  })
})
