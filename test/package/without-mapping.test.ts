/**
 * What could go wrong where koffi does not load, or where the runtime lays no buffers over memory: importing fails, a store
 * does not say why it does not map, asking for a mapping ends in an error without a code, a copy is taken for the memory,
 * a second writer comes in without a word (S0), or a store that cannot be made durable is opened for writing all the same.
 */

import { cpSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { beforeAll, install, NODE_MAJOR } from './installed.ts'

const STORE = `
import { openStore } from 'stridedb'
import { z } from 'zod'
const Point = z.object({ x: z.uint32() })
const codeOf = run => { try { run(); return 'none' } catch (error) { return error.code + ': ' + error.message } }
`
/** Writes a store, reads it back by another opener, and says what both are told. */
const writes = (options = '{}'): string => `${STORE}
const store = openStore('x.stride', Point, ${options})
store.append({ x: 7 })
await store.commit()
store.close()
const again = openStore('x.stride', { readOnly: true })
console.log(again.backend, again.field(0, 'x'))
console.log(again.backendReason)
console.log(codeOf(() => openStore('y.stride', Point, { backend: 'mapped' })))
`
const MAPS = `
import { FileMapping, SharedMemory } from 'stridedb/mmap'
import { writeFileSync } from 'node:fs'
writeFileSync('bytes', 'abc')
const codeOf = run => { try { run(); return 'none' } catch (error) { return error.code } }
console.log(codeOf(() => FileMapping.open('bytes').view(0, 3)), codeOf(() => SharedMemory.open('absent', { size: 1 }).view(0, 1)))
`
const PERMISSION = NODE_MAJOR < 22 ? '--experimental-permission' : '--permission'
const GUARDED = [PERMISSION, '--allow-fs-read=*', '--allow-fs-write=*']

describe('where koffi does not load', () => {
  it.each([
    ['its native package is missing', false, [], 'Cannot find the native Koffi module'],
    ['Node loads no addons', true, ['--no-addons'], 'loading addons is disabled'],
  ] as const)(
    'reads and writes by position when %s and the caller says that nobody else writes, and says so',
    (_, native, args, said) => {
      const { run } = install({ native })
      const [opened, reason, mapped] = run(writes("{ lock: 'process' }"), args)
      expect(opened).toBe('file 7')
      expect(reason).toContain('koffi does not load here')
      expect(reason).toContain(said)
      expect(reason).toContain('locks hold within this process only')
      expect(mapped).toContain('ERR_STRIDE_NOT_MAPPABLE')
      expect(mapped).toContain(said)
      expect(run(MAPS, args)).toEqual(['ERR_STRIDE_NOT_MAPPABLE ERR_STRIDE_NOT_MAPPABLE'])
    },
  )

  it.each([
    ['its native package is missing', 'koffi', [], `install it where the program runs`],
    ['it is not there at all', 'nothing', [], "esbuild, Rollup and Vite: external: ['koffi']"],
    ['Node loads no addons', 'all', ['--no-addons'], 'Run node without --no-addons'],
  ] as const)(
    'opens for reading only when %s: a writer is refused, nothing is made, and it is said what to add',
    (_, koffi, args, advice) => {
      const { folder, run } = install({ native: koffi === 'all', koffi: koffi !== 'nothing' })
      run(writes("{ lock: 'process' }"), args)
      const before = readdirSync(folder).filter(name => !name.endsWith('.mjs'))
      const lines = run(
        `${STORE}
       import { migrateStore, openFlatFile, openStoreAsync } from 'stridedb'
       import { writeFileSync } from 'node:fs'
       const calls = [
         () => openStore('x.stride', Point),
         () => openStore('x.stride'),
         () => openStore('x.stride', Point, { backend: 'file', lockTimeoutMs: 10 }),
         () => openStore('new.stride', Point, { lock: 'store' }),
         () => migrateStore('x.stride', z.object({ x: z.float64() })),
       ]
       for (const call of calls) console.log(codeOf(call))
       await openStoreAsync('x.stride', Point).catch(error => console.log(error.code + ': ' + error.message))
       const reader = openStore('x.stride', Point, { readOnly: true })
       console.log(reader.get(0).x, (await reader.verify()).ok, codeOf(() => reader.append({ x: 8 })).split(':')[0])
       reader.close()
       const memory = openStore('m.stride', Point, { backend: 'memory' })
       memory.append({ x: 1 })
       memory.commitSync()
       console.log(memory.count)
       memory.close()`,
        args,
      )
      for (const line of lines.splice(0, 6)) {
        expect(line).toContain('ERR_STRIDE_NO_LOCK: ')
        expect(line).toContain('koffi does not load here')
        expect(line).toContain(advice)
        expect(line).toContain("lock: 'process'")
      }
      expect(lines).toEqual(['7 true ERR_STRIDE_READ_ONLY', '1'])
      expect(readdirSync(folder).filter(name => !name.endsWith('.mjs'))).toEqual(before)
    },
  )

  it('never lets a second process write beside a writer that has the lock of the kernel', async () => {
    const { run } = install()
    const lines = run(
      `${STORE}
       import { execFileSync } from 'node:child_process'
       const store = openStore('x.stride', Point)
       const code = \`
         import { openStore } from 'stridedb'
         import { z } from 'zod'
         try { openStore('x.stride', z.object({ x: z.uint32() })) } catch (error) { console.log(error.code) }
         const reader = openStore('x.stride', { readOnly: true })
         console.log(reader.count, reader.backend)\`
       for (let x = 0; x < 3; x++) {
         store.append({ x })
         await store.commit()
         const out = execFileSync(process.execPath, ['--no-addons', '--input-type=module', '-e', code], { encoding: 'utf8' })
         console.log(out.trim().replace('\\n', ' '))
       }`,
    )
    expect(lines).toEqual([1, 2, 3].map(count => `ERR_STRIDE_NO_LOCK ${count} file`))
  })

  it('lets one writer in where the caller says that nobody else writes, whichever copy or realm of the library asks', () => {
    const { folder, run } = install({ koffi: false })
    cpSync(join(folder, 'node_modules/stridedb'), join(folder, 'copy/stridedb'), { recursive: true })
    const lines = run(
      `${STORE}
       import * as other from './copy/stridedb/dist/index.js'
       const options = { lock: 'process' }
       const first = openStore('x.stride', Point, options)
       console.log(codeOf(() => openStore('x.stride', Point, options)).split(':')[0])
       console.log(codeOf(() => other.openStore('x.stride', Point, options)).split(':')[0])
       first.close()
       const second = other.openStore('x.stride', Point, options)
       console.log(codeOf(() => openStore('x.stride', Point, options)).split(':')[0])
       second.close()
       const { migrateStore } = other
       console.log(migrateStore('x.stride', z.object({ x: z.float64() }), undefined, options))`,
    )
    expect(lines).toEqual([...new Array<string>(3).fill('ERR_STRIDE_BUSY'), '0'])
  })
})

describe("under Node's permission model, which forbids fdatasync", () => {
  it('reads by position without addons, and refuses to open for writing before anything is made', () => {
    const { folder, run } = install()
    run(writes())
    const before = readdirSync(folder).filter(name => !name.endsWith('.mjs'))
    const lines = run(
      `${STORE}
       const store = openStore('x.stride', Point, { readOnly: true })
       console.log(store.backend, store.field(0, 'x'))
       console.log(store.backendReason)
       store.close()
       const options = { lock: 'process' }
       for (const path of ['x.stride', 'new.stride']) console.log(codeOf(() => openStore(path, Point, options)))`,
      GUARDED,
    )
    expect(lines[0]).toBe('file 7')
    expect(lines[1]).toContain('koffi does not load here')
    expect(lines[1]).toContain('Run node with --allow-addons')
    for (const line of lines.slice(2)) {
      expect(line).toContain("ERR_STRIDE_PERMISSION: Node's permission model forbids fdatasync")
    }
    expect(lines).toHaveLength(4)
    expect(readdirSync(folder).filter(name => !name.endsWith('.mjs'))).toEqual(before)
  })

  it('says with a code which path may not be read', () => {
    const { folder, run } = install()
    const args = [PERMISSION, `--allow-fs-read=${realpathSync(folder)}/*`]
    const [line] = run(
      `import { openFlatFile } from 'stridedb'
       import { z } from 'zod'
       try { openFlatFile('/etc/hostname', z.object({ x: z.uint32() }), { readOnly: true }) }
       catch (error) { console.log(error.code, error.path, error.message.includes('permission model')) }`,
      args,
    )
    expect(line).toBe('ERR_STRIDE_PERMISSION /etc/hostname true')
  })

  it.skipIf(NODE_MAJOR < 22)('maps, commits and backs up with addons, which sync in its place', () => {
    const lines = install().run(
      `${STORE}
       const store = openStore('x.stride', Point)
       for (let x = 0; x < 100; x++) { store.append({ x }); await store.commit() }
       await store.checkpoint()
       await store.backup('copy.stride')
       store.commitSync()
       console.log(store.backend, store.count, store.stats().syncs > 100)
       store.close()
       console.log((await openStore('copy.stride').verify()).ok)`,
      [...GUARDED, '--allow-addons'],
    )
    expect(lines).toEqual(['mapped 100 true', 'true'])
  })
})

describe('where the runtime lays no buffers over memory, as Electron does not', () => {
  it.each([
    [
      'refuses them',
      `koffi.view = () => { throw new Error('This runtime does not support external buffers') }`,
      'This runtime does not support external buffers',
    ],
    [
      'copies the memory',
      'const { view } = koffi; koffi.view = (address, length) => view(address, length).slice(0)',
      'copies of mapped memory',
    ],
  ])('reads and writes by position when it %s, with the locks of the kernel', (_, source, said) => {
    const { folder, run } = install()
    const args = beforeAll(folder, source)
    const [opened, reason, mapped] = run(writes(), args)
    expect(opened).toBe('file 7')
    expect(reason).toContain(said)
    expect(reason).not.toContain('locks hold within this process only')
    expect(mapped).toContain('ERR_STRIDE_NOT_MAPPABLE')
    expect(run(MAPS, args)).toEqual(['ERR_STRIDE_NOT_MAPPABLE ERR_STRIDE_NOT_MAPPABLE'])
  })
})
