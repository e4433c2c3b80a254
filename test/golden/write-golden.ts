/**
 * Writes test/golden/format-1.stride, once per format version: `npx tsx test/golden/write-golden.ts`. It is committed
 * and never written again; every later version of the library has to open it.
 */

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from 'stridedb'
import { Everything, everything } from './golden-records.ts'

const target = fileURLToPath(new URL('./format-1.stride', import.meta.url))
if (existsSync(target)) throw new Error(`${target} exists: a golden file is written once`)
const folder = mkdtempSync(join(tmpdir(), 'stridedb-golden-'))
const store = openStore(join(folder, 'store.stride'), Everything)
store.appendMany(Array.from({ length: 20 }, (_, i) => everything(i)))
store.commitSync()
store.delete(3)
store.delete(19)
store.commitSync()
await store.backup(join(folder, 'exact.stride'))
store.close()
copyFileSync(join(folder, 'exact.stride'), target)
rmSync(folder, { recursive: true })
