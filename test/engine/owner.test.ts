/**
 * What could go wrong: the superuser opens a store once, and the files that this makes beside it shut its owner out.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { migrateStore } from '../../src/engine/maintenance/migrate.ts'
import { Point, temporaryFolder } from './support.ts'

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
if (!isRoot) console.warn('SKIPPED: not root on Linux, so no file is given away')

const [UID, GID] = [1500, 1501]
const INDEXES = { indexes: { i: { on: 'x' } } } as const

/** Opens each file for reading and writing as the owner; what fails is said. */
function openedByOwner(folder: string): string {
  const source = `const fs = require('fs'); for (const name of fs.readdirSync('.')) try { fs.closeSync(fs.openSync(name, 'r+')) } catch (e) { console.log(name, e.code) }`
  const user = ['--reuid', String(UID), '--regid', String(GID), '--clear-groups']
  return execFileSync('setpriv', [...user, process.execPath, '-e', source], { cwd: folder, encoding: 'utf8' })
}

describe.runIf(isRoot)('files beside a store', () => {
  test.each([
    [0o600, 'readwrite'],
    [0o660, 'readwrite'],
    [0o640, 'read'],
  ] as const)('take its owner and its bits (%o), whoever opens it first (%s)', async (bits, access) => {
    const folder = temporaryFolder()
    chmodSync(folder, 0o755)
    const inner = join(folder, 'inner')
    mkdirSync(inner)
    const path = join(inner, 'x')
    openStore(path, Point).close()
    for (const name of readdirSync(inner)) if (name !== 'x') execFileSync('rm', [join(inner, name)])
    chownSync(inner, UID, GID)
    chownSync(path, UID, GID)
    chmodSync(path, bits)
    const before = process.umask(0o027)
    try {
      const check = (names: readonly string[]): void => {
        expect(readdirSync(inner).sort()).toEqual(names)
        for (const name of names) {
          const { uid, gid, mode } = statSync(join(inner, name))
          expect([name, uid, gid, mode & 0o777]).toEqual([name, UID, GID, bits])
        }
        expect(openedByOwner(inner)).toBe('')
      }
      if (access === 'read') {
        openStore(path, { readOnly: true }).close()
        check(['x', 'x-lock'])
      }
      const store = openStore(path, Point, INDEXES)
      store.appendMany([
        { x: 1, tag: 0 },
        { x: 2, tag: 0 },
      ])
      await store.commit()
      check(['x', 'x-index', 'x-journal', 'x-lock'])
      store.delete(0)
      await store.commit()
      await store.compact()
      store.append({ x: 3, tag: 1 })
      await store.commit()
      check(['x', 'x-index', 'x-journal', 'x-lock'])
      store.close()
      expect(migrateStore(path, Point)).toBe(2)
      openStore(path, Point, INDEXES).close()
      check(['x', 'x-index', 'x-lock'])
    } finally {
      process.umask(before)
    }
  })
})
