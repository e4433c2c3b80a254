/**
 * What could go wrong with locks that hold within the process: two copies of the library, or two realms (node:vm, test runners that
 * load modules again), each have a table of their own, and both let a writer in. Rule PL1 of node-fs/process-locks.ts.
 */

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { newFolder } from './places.ts'

/** The same module once more, in a realm of its own. */
async function platformOfAnotherRealm(): Promise<Platform> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../src/mmap/node-fs/file-platform.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
  })
  const module = { exports: {} as { createFilePlatform: () => Platform } }
  const context = createContext({ module, require: createRequire(import.meta.url), process, Buffer })
  runInContext(outputFiles[0]?.text as string, context)
  return module.exports.createFilePlatform()
}

it('are shared by every copy and realm of one thread, until a handle is closed', async () => {
  const path = join(newFolder(), 'x')
  const platforms = [createFilePlatform(), await platformOfAnotherRealm(), await platformOfAnotherRealm()]
  const files = platforms.map(platform => platform.open(path, { access: 'readwrite', create: 'missing' }))
  for (const [i, file] of files.entries()) {
    const others = files.filter((_, j) => j > i)
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    expect(
      others.map(other => [other.tryLock(0, 'exclusive'), other.isLocked(0), other.tryLock(1, 'shared')]),
    ).toEqual(others.map(() => [false, true, true]))
    file.close()
  }
})
