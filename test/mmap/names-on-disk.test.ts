/**
 * What could go wrong with names on disk: a file that cannot be looked at is taken for absent and replaced, links in a circle
 * overflow the stack, a folder that cannot be synced keeps files from being created, a created file shuts its owner out.
 */

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exists, renameNew, resolve } from '../../src/mmap/disk-folder.ts'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import { type SystemCalls, systemCalls } from '../../src/mmap/posix/system-calls.ts'
import { thisSystem } from '../../src/mmap/this-system.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, isWindows, newFolder, runScript, thrownBy } from './places.ts'

const isRoot = process.getuid?.() === 0
const hasStrace = spawnSync('strace', ['-V']).status === 0
if (!hasStrace) console.warn('SKIPPED: no strace here, so no call of the system is made to fail')
if (!isRoot) console.warn('SKIPPED: not root, so no other user is tried')

/** Runs a script as a user who is not root. */
const asUser = ['setpriv', '--reuid', '1500', '--regid', '1500', '--clear-groups']

describe('whether a file exists', () => {
  it.skipIf(isWindows)('is an error wherever that cannot be found out', () => {
    const folder = newFolder()
    const file = join(folder, 'file')
    fs.writeFileSync(file, 'x')
    fs.symlinkSync('loop', join(folder, 'loop'))
    fs.symlinkSync('absent', join(folder, 'dangling'))
    expect([exists(file), exists(join(folder, 'absent')), exists(join(folder, 'dangling'))]).toEqual([
      true,
      false,
      false,
    ])
    expect(thrownBy(() => exists(join(folder, 'loop')))).toMatchObject({
      code: 'ERR_STRIDE_IO',
      errno: constants.errno.ELOOP,
    })
    expect(codeOf(() => exists(join(folder, 'n'.repeat(300))))).toBe('ERR_STRIDE_LIMIT')
    expect(thrownBy(() => exists(join(file, 'x'))).message).toContain('file is a file, not a folder')
  })

  it.runIf(isRoot && !isWindows)('is an error in a folder that may not be searched', () => {
    const folder = newFolder()
    fs.chmodSync(folder, 0o755)
    const closed = join(folder, 'closed')
    fs.mkdirSync(closed, { mode: 0o700 })
    fs.writeFileSync(join(closed, 'file'), 'x')
    const script = join(folder, 'ask.mjs')
    fs.writeFileSync(
      script,
      "import fs from 'node:fs'; try { fs.statSync(process.argv[2]) } catch (e) { console.log(e.code) }",
    )
    const { stdout } = spawnSync(
      asUser[0] as string,
      [...asUser.slice(1), process.execPath, script, join(closed, 'file')],
      { encoding: 'utf8' },
    )
    // What the system answers there; that any such answer is an error is shown above.
    expect(stdout.trim()).toBe('EACCES')
  })
})

describe.skipIf(isWindows)('one absolute name', () => {
  it('follows links to what is not there yet, and leaves those in a circle', () => {
    const folder = fs.realpathSync(newFolder())
    const at = (name: string): string => join(folder, name)
    fs.symlinkSync('b', at('a'))
    fs.symlinkSync('target', at('b'))
    for (const [from, to] of [
      ['one', 'one'],
      ['two', 'three'],
      ['three', 'two'],
    ])
      fs.symlinkSync(to as string, at(from as string))
    expect(resolve(at('a'))).toBe(at('target'))
    expect(resolve(at('one'))).toBe(at('one'))
    expect([at('two'), at('three')]).toContain(resolve(at('two')))
    expect(codeOf(() => createFilePlatform().open(at('one'), { access: 'read' }))).toBe('ERR_STRIDE_IO')
  })
})

describe('a name that nobody has', () => {
  const { calls } = systemCalls()
  const refusing = (errno: number): SystemCalls | undefined =>
    calls === undefined ? undefined : { ...calls, renameNew: () => -errno }
  const ways = [
    ['a rename that replaces nothing', calls],
    ['a second link', undefined],
    ['a second link, where the file system knows no such rename', refusing(constants.errno.EINVAL)],
  ] as const

  it.each(ways)('is given by %s, and never taken from anybody', (_, with_) => {
    const folder = newFolder()
    const [from, to] = [join(folder, 'from'), join(folder, 'to')]
    fs.writeFileSync(from, 'new')
    fs.writeFileSync(to, 'old')
    expect(codeOf(() => renameNew(from, to, with_))).toBe('ERR_STRIDE_EXISTS')
    expect([fs.readFileSync(from, 'utf8'), fs.readFileSync(to, 'utf8')]).toEqual(['new', 'old'])
    fs.rmSync(to)
    renameNew(from, to, with_)
    expect([fs.readdirSync(folder), fs.readFileSync(to, 'utf8')]).toEqual([['to'], 'new'])
    expect(codeOf(() => renameNew(from, join(folder, 'other'), with_))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(fs.readdirSync(folder)).toEqual(['to'])
  })

  it.skipIf(isWindows)('is not taken from a link that leads nowhere', () => {
    const folder = newFolder()
    fs.writeFileSync(join(folder, 'from'), 'new')
    fs.symlinkSync('absent', join(folder, 'to'))
    for (const [, with_] of ways)
      expect(codeOf(() => renameNew(join(folder, 'from'), join(folder, 'to'), with_))).toBe('ERR_STRIDE_EXISTS')
    expect(fs.readlinkSync(join(folder, 'to'))).toBe('absent')
  })

  it.runIf(hasStrace)('is taken with an empty file first where there is neither', () => {
    const folder = newFolder()
    const script = childScript(`import { renameNew } from 'src/mmap/disk-folder.ts'
       import fs from 'node:fs'
       const [, , folder] = process.argv
       fs.writeFileSync(folder + '/from', 'new')
       fs.writeFileSync(folder + '/old', 'old')
       try { renameNew(folder + '/from', folder + '/old') } catch (error) { console.log(error.code) }
       renameNew(folder + '/from', folder + '/to')
       console.log(fs.readFileSync(folder + '/old', 'utf8'), fs.readFileSync(folder + '/to', 'utf8'), fs.existsSync(folder + '/from'))`)
    const inner = join(folder, 'inner')
    fs.mkdirSync(inner)
    const { stdout, stderr } = runScript(script, {
      args: [inner],
      wrapper: [
        'strace',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        'trace=link,linkat',
        '-e',
        'inject=link,linkat:error=EPERM',
      ],
    })
    expect({ said: stdout.trim().split('\n'), stderr }).toEqual({
      said: ['ERR_STRIDE_EXISTS', 'old new false'],
      stderr: '',
    })
  })
})

describe.runIf(hasStrace)('a folder that cannot be synced', () => {
  const outcome = (errno: string): string => {
    const folder = newFolder()
    const script = childScript(`import { syncFolder } from 'src/mmap/disk-folder.ts'
       try { syncFolder(process.argv[2]); console.log('fine') } catch (error) { console.log(error.code) }`)
    const wrapper = [
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-P',
      folder,
      '-e',
      'trace=fsync',
      '-e',
      `inject=fsync:error=${errno}`,
    ]
    return runScript(script, { args: [join(folder, 'x')], wrapper }).stdout.trim()
  }
  it.each(['EINVAL', 'EOPNOTSUPP'])('because the file system offers none (%s) is no error', errno => {
    expect(outcome(errno)).toBe('fine')
  })
  it.each(['EIO', 'ENOSPC'])('because that fails (%s) is one', errno => {
    expect(outcome(errno)).toMatch(/^ERR_STRIDE_(IO|NO_SPACE)$/)
  })
})

describe.runIf(isRoot && !isWindows)('a file that root creates beside another', () => {
  const { system } = thisSystem()
  const platforms = [
    ...(system === undefined ? [] : [{ name: 'mapped', platform: system.createPlatform() }]),
    { name: 'file', platform: createFilePlatform(system?.fileHelp) },
  ]
  it.each(platforms)(
    'gets its owner, group and bits on $name, whatever the umask; one that was there keeps its own',
    ({ platform }) => {
      const folder = newFolder()
      const path = join(folder, 'store')
      fs.writeFileSync(path, 'x')
      fs.chownSync(path, 1500, 1501)
      fs.chmodSync(path, 0o664)
      fs.writeFileSync(join(folder, 'there'), 'x', { mode: 0o600 })
      const before = process.umask(0o077)
      try {
        const like = platform.open(path, { access: 'read' })
        for (const create of ['missing', 'always'] as const) {
          platform.open(join(folder, create), { access: 'readwrite', create, like }).close()
          const { uid, gid, mode } = fs.statSync(join(folder, create))
          expect([uid, gid, mode & 0o777]).toEqual([1500, 1501, 0o664])
        }
        platform.open(join(folder, 'there'), { access: 'readwrite', create: 'missing', like }).close()
        const { uid, mode } = fs.statSync(join(folder, 'there'))
        expect([uid, mode & 0o777]).toEqual([0, 0o600])
        like.close()
      } finally {
        process.umask(before)
      }
    },
  )
})
