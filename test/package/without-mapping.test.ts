/**
 * What could go wrong where koffi does not load, or where the runtime lays no buffers over memory: importing fails, a store
 * does not say why it does not map, asking for a mapping ends in an error without a code, a copy is taken for the memory,
 * or a store that cannot be made durable is opened for writing all the same.
 */

import { readdirSync, realpathSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { beforeAll, install, NODE_MAJOR } from './installed.ts'

const STORE = `
import { openStore } from 'stridedb'
import { z } from 'zod'
const Point = z.object({ x: z.uint32() })
const codeOf = run => { try { run(); return 'none' } catch (error) { return error.code + ': ' + error.message } }
`
/** Writes a store, reads it back by another opener, and says what both are told. */
const WRITES = `${STORE}
const store = openStore('x.stride', Point)
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
  ] as const)('reads and writes by position when %s, and says so', (_, native, args, said) => {
    const { run } = install({ native })
    const [opened, reason, mapped] = run(WRITES, args)
    expect(opened).toBe('file 7')
    expect(reason).toContain('koffi does not load here')
    expect(reason).toContain(said)
    expect(reason).toContain('locks hold within this process only')
    expect(mapped).toContain('ERR_STRIDE_NOT_MAPPABLE')
    expect(mapped).toContain(said)
    expect(run(MAPS, args)).toEqual(['ERR_STRIDE_NOT_MAPPABLE ERR_STRIDE_NOT_MAPPABLE'])
  })
})

describe("under Node's permission model, which forbids fdatasync", () => {
  it('reads by position without addons, and refuses to open for writing before anything is made', () => {
    const { folder, run } = install()
    run(WRITES)
    const before = readdirSync(folder).filter(name => !name.endsWith('.mjs'))
    const lines = run(
      `${STORE}
       const store = openStore('x.stride', Point, { readOnly: true })
       console.log(store.backend, store.field(0, 'x'))
       console.log(store.backendReason)
       store.close()
       for (const path of ['x.stride', 'new.stride']) console.log(codeOf(() => openStore(path, Point)))`,
      GUARDED,
    )
    expect(lines[0]).toBe('file 7')
    expect(lines[1]).toContain('koffi does not load here')
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
    const [opened, reason, mapped] = run(WRITES, args)
    expect(opened).toBe('file 7')
    expect(reason).toContain(said)
    expect(reason).not.toContain('locks hold within this process only')
    expect(mapped).toContain('ERR_STRIDE_NOT_MAPPABLE')
    expect(run(MAPS, args)).toEqual(['ERR_STRIDE_NOT_MAPPABLE ERR_STRIDE_NOT_MAPPABLE'])
  })
})
