/**
 * What could go wrong: a store maps where that cannot be trusted, gives no reason for not mapping, or importing the
 * library is slow, or fails where koffi does.
 */

import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { choosePlatform } from '../../src/mmap/choose-platform.ts'
import { childScript } from '../child-scripts.ts'
import { isWindows, newFolder, runScript } from './places.ts'

describe('choosing how to reach a file', () => {
  it('does what was asked, and maps where it may choose', () => {
    const path = join(newFolder(), 'absent', 'x.stride')
    expect(choosePlatform('file', path).platform.name).toBe('file')
    expect(choosePlatform('mapped', path).platform.name).toBe(isWindows ? 'win32' : 'posix')
    expect(choosePlatform('auto', path)).toMatchObject({ platform: { name: isWindows ? 'win32' : 'posix' } })
    expect(choosePlatform('auto', path).reason).toBeUndefined()
  })

  it('gives each store in memory a disk of its own', () => {
    const [a, b] = [choosePlatform('memory', '/x').platform, choosePlatform('memory', '/x').platform]
    a.open('/x', { access: 'readwrite', create: 'always' }).store(Uint8Array.of(1), 0)
    expect([a.exists('/x'), b.exists('/x'), fs.existsSync('/x')]).toEqual([true, false, false])
  })

  it.runIf(isWindows)('reads and writes by position on a share of Windows', () => {
    const path = '\\\\server\\share\\x.stride'
    const { platform, reason } = choosePlatform('auto', path)
    expect([platform.name, platform.isNetworkPath(path)]).toEqual(['file', true])
    expect(reason).toContain('a Windows share')
    expect(platform.isNetworkPath(join(newFolder(), 'x.stride'))).toBe(false)
  })

  it.runIf(process.platform === 'linux')(
    'reads and writes by position on a network file system, and says which',
    () => {
      const script = childScript(`import fs from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       fs.statfsSync = () => ({ type: 0x6969 })
       syncBuiltinESMExports()
       const { choosePlatform } = await import('src/mmap/choose-platform.ts')
       const { platform, reason } = choosePlatform('auto', '/somewhere/x.stride')
       console.log(platform.name, platform.isNetworkPath('/somewhere/x.stride'), reason)`)
      expect(runScript(script).stdout.trim()).toBe(
        'file true /somewhere/x.stride lies on a network file system (NFS)',
      )
    },
  )

  it('goes on without koffi: by position, with the reason, and locks within the process', () => {
    const script = childScript(`import { Module } from 'node:module'
       const load = Module._load
       Module._load = function (name, ...rest) {
         if (name === 'koffi') throw new Error('no build for this machine')
         return load.call(this, name, ...rest)
       }
       const { FileMapping, SharedMemory } = await import('src/mmap/index.ts')
       const { choosePlatform } = await import('src/mmap/choose-platform.ts')
       const path = process.argv[2]
       const { platform, reason } = choosePlatform('auto', path)
       console.log(platform.name + '|' + reason)
       const [a, b] = [0, 1].map(() => platform.open(path, { access: 'readwrite', create: 'missing' }))
       console.log(a.tryLock(0, 'exclusive'), b.tryLock(0, 'exclusive'))
       const codes = [() => choosePlatform('mapped', path), () => FileMapping.open(path), () => SharedMemory.open('x', { size: 1 })]
       console.log(codes.map(run => { try { run(); return 'none' } catch (error) { return error.code } }).join())`)
    const { stdout, stderr } = runScript(script, { args: [join(newFolder(), 'x')] })
    expect(stderr).toBe('')
    const [first, second, third] = stdout.trim().split('\n') as [string, string, string]
    expect(first).toContain('file|koffi does not load here: no build for this machine')
    expect(first).toContain('locks hold within this process only')
    expect(second).toBe('true false')
    expect(third).toBe(new Array(3).fill('ERR_STRIDE_NOT_MAPPABLE').join())
  })

  it('loads koffi with the first file and not with the import', () => {
    const script = childScript(`import { createRequire } from 'node:module'
       const { cache } = createRequire(import.meta.url)
       const hasKoffi = () => Object.keys(cache).some(path => path.includes('koffi'))
       const { FileMapping } = await import('src/mmap/index.ts')
       const before = hasKoffi()
       FileMapping.open(process.argv[1])
       console.log(before, hasKoffi())`)
    expect(runScript(script).stdout.trim()).toBe('false true')
  })
})
