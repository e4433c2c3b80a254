/**
 * What could go wrong: a limit on the size of files (RLIMIT_FSIZE, FAT) is taken for a broken disk, and poisons or closes a store in
 * which nothing was written.
 */

import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { runScript } from '../mmap/places.ts'
import { Point, temporaryFolder } from './support.ts'

const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('SKIPPED: not Linux, so the size of files is not limited')

const INDEXES = { indexes: { i: { on: 'x', unique: true }, o: { on: 'x', kind: 'ordered' } } } as const

/** Runs `body` with `store` open, files limited to so many KiB. @returns what it said */
function limited(path: string, kib: number, body: string): string[] {
  const script = childScript(`import { openStoreOn } from 'src/engine/open.ts'
     import { choosePlatform } from 'src/mmap/choose-platform.ts'
     import { u8 } from 'src/schema/index.ts'
     const [, , path] = process.argv
     const store = openStoreOn(choosePlatform('auto', path).platform, path, undefined, ${JSON.stringify(INDEXES)})
     const tried = async (what, run) => { try { console.log(what, await run()) } catch (error) { console.log(what, error.code ?? error) } }
     ${body}
     store.close()
     console.log('closed')`)
  const wrapper = ['bash', '-c', `ulimit -f ${kib}; exec "$@"`, 'bash']
  const { stdout, stderr } = runScript(script, { args: [path], wrapper })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

async function reopened(path: string): Promise<number> {
  const store: Store = openStore(path)
  const { ok, findings } = await store.verify()
  expect({ ok, findings }).toEqual({ ok: true, findings: [] })
  const { count } = store
  store.close()
  return count
}

describe.runIf(isLinux)('under a limit on the size of files', () => {
  test('a compact that does not fit says so, and the store goes on as before', async () => {
    const path = join(temporaryFolder(), 'x')
    const store = openStore(path, Point, INDEXES)
    store.appendMany(Array.from({ length: 60_000 }, (_, x) => ({ x, tag: 0 })))
    store.commitSync()
    for (let n = 0; n < 60_000; n += 2) store.delete(n)
    store.commitSync()
    store.close()
    // Too small for the file, and for the indexes that would have to be built again.
    for (const kib of [200, 330]) {
      const said = limited(
        path,
        kib,
        `await tried('compact', () => store.compact())
         await tried('reads', () => [store.count, store.get(59_999).x, store.index('i').number(59_999), store.index('o').count({ gte: 59_990 })].join())`,
      )
      expect([kib, ...said]).toEqual([
        kib,
        'compact ERR_STRIDE_NO_SPACE',
        'reads 30000,59999,59999,5',
        'closed',
      ])
    }
    expect(await reopened(path)).toBe(30_000)
  })

  test('growth and journal that do not fit are a full disk: nothing is poisoned, nothing acknowledged is lost', async () => {
    const path = join(temporaryFolder(), 'x')
    const store = openStore(path, Point)
    store.append({ x: 0, tag: 0 })
    store.commitSync()
    store.close()
    const said = limited(
      path,
      600,
      `let next = 1
       let code
       while (code === undefined) {
         try {
           store.appendMany(Array.from({ length: 2000 }, (_, i) => ({ x: next + i, tag: 1 })))
           await store.commit()
           next += 2000
         } catch (error) { code = error.code }
       }
       store.rollback()
       console.log(code, store.count === next)
       await tried('update', async () => { store.update(0, { tag: 7 }); await store.commit(); return store.field(0, 'tag') })`,
    )
    expect(said).toEqual(['ERR_STRIDE_NO_SPACE true', 'update 7', 'closed'])
    expect((await reopened(path)) % 2000).toBe(1)
  })
})
