/**
 * What could go wrong: a number that is given to the system means something else there. Linux is asked through its compilers; what macOS
 * says is in macos-headers.ts, with its source.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Abi, LINUX, MACOS } from '../../src/mmap/posix/abi.ts'
import { openSharedObject } from '../../src/mmap/posix/shared-object.ts'
import { ERRNO_H, FCNTL_H, MINCORE_INCORE, MMAN_H, positionsOf, STRUCTS, UNISTD_H } from './macos-headers.ts'
import { callsAsOnMacos } from './macos-on-linux.ts'
import { newFolder } from './places.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** glibc's headers, and musl's. */
const COMPILERS = ['gcc', 'musl-gcc']
const present = COMPILERS.filter(
  name => process.platform === 'linux' && spawnSync(name, ['--version']).status === 0,
)
for (const name of COMPILERS) {
  if (!present.includes(name)) console.warn(`SKIPPED: no ${name} here, so its headers are not asked`)
}

/** Names as in C, which has prefixes for some. */
const C_NAMES: Readonly<Record<string, string>> = {
  SC_PAGESIZE: '_SC_PAGESIZE',
  SYNC_FILE_RANGE: 'SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER',
}

const numbersOf = (abi: Abi): [string, number][] =>
  Object.entries(abi).filter((entry): entry is [string, number] => typeof entry[1] === 'number')

describe('the numbers of macOS', () => {
  it('are those of its headers, all of them, and what it lacks is left out', () => {
    expect(Object.fromEntries(numbersOf(MACOS))).toEqual({ ...MMAN_H, ...FCNTL_H, ...UNISTD_H })
    expect(MINCORE_INCORE).toBe(1)
  })

  it('name each error that the code looks for', () => {
    const sources = ['posix', '.'].flatMap(folder => {
      const path = join(ROOT, 'src/mmap', folder)
      return readdirSync(path, { withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(({ name }) => join(path, name))
    })
    const names = new Set<string>()
    for (const path of sources) {
      const text = readFileSync(path, 'utf8')
      for (const [, list] of text.matchAll(/const \{([^}]*)\} = constants\.errno/g))
        for (const name of (list as string).split(',')) if (name.trim() !== '') names.add(name.trim())
      if (path.endsWith('system-errors.ts'))
        for (const [, name] of text.matchAll(/^ {2}(E[A-Z]+): /gm)) names.add(name as string)
    }
    expect(names.size).toBeGreaterThan(15)
    expect([...names].filter(name => !(name in ERRNO_H))).toEqual([])
  })

  it('lay out struct flock as C does', () => {
    const { l_pid, ...positions } = positionsOf(STRUCTS.flock)
    expect(l_pid).toBe(16)
    expect(MACOS.flock).toEqual(positions)
  })
})

describe('the numbers of Linux', () => {
  it.for(COMPILERS)('are those of the headers that %s uses', (compiler, { skip }) => {
    if (!present.includes(compiler)) skip(`no ${compiler} here`)
    const folder = newFolder()
    const lines = numbersOf(LINUX).map(
      ([name]) => `  printf("%s %ld\\n", "${name}", (long)(${C_NAMES[name] ?? name}));`,
    )
    for (const member of ['l_type', 'l_whence', 'l_start', 'l_len'])
      lines.push(`  printf("flock.%s %ld\\n", "${member}", (long)offsetof(struct flock, ${member}));`)
    writeFileSync(
      join(folder, 'numbers.c'),
      `#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* older headers than the kernel */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1 /* linux/fs.h; musl names it late */
#endif
int main(void) {
${lines.join('\n')}
  printf("flock.bytes %ld\\n", (long)sizeof(struct flock));
}
`,
    )
    execFileSync(compiler, ['-o', join(folder, 'numbers'), join(folder, 'numbers.c')])
    const said = execFileSync(join(folder, 'numbers'), { encoding: 'utf8' }).trim().split('\n')
    const expected = [
      ...numbersOf(LINUX),
      ...Object.entries(LINUX.flock).map(([member, at]) => [`flock.${member}`, at]),
    ]
    expect(Object.fromEntries(said.map(line => [line.split(' ')[0], Number(line.split(' ')[1])]))).toEqual(
      Object.fromEntries(expected),
    )
  })
})

describe.skipIf(process.platform !== 'linux')('shared memory as macOS has it', () => {
  it('is a file in the folder for temporary ones: first, attached, gone with the last', () => {
    const calls = callsAsOnMacos()
    const REQUEST = { size: undefined, mode: 0o600, isInitialized: true, patienceMs: 10_000 }
    const name = `abi-${process.pid}`
    const first = openSharedObject(calls, name, { ...REQUEST, size: 4096 })
    const second = openSharedObject(calls, name, REQUEST)
    expect([first.created, second.created, second.size]).toEqual([true, false, 4096])
    first.memory.store(Uint8Array.of(1, 2, 3), 0)
    const target = new Uint8Array(3)
    second.memory.read(target, 0)
    expect([...target]).toEqual([1, 2, 3])
    first.close()
    second.close()
    expect(() => openSharedObject(calls, name, REQUEST)).toThrow('does not exist')
  })
})
