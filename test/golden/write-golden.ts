/**
 * Writes the golden files of the present format version, once: `npx tsx test/golden/write-golden.ts`. They are committed and
 * never written again; every later version of the library has to open them.
 *
 *   format-N.stride                              a backup
 *   format-N-indexed.stride, -index              a closed store with two indexes
 *   format-N-checksums.stride                    a closed store with checksums, of records with odd fields
 *   journal-N-left.stride, -index, -journal      the same, left by a process that died: two commits are in the journal alone. Here N is
 *                                                the version of the journal; those of versions 1 and 2 are called format-N-left
 */

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from 'stridedb'
import { JOURNAL_VERSION } from '../../src/engine/format/journal-format.ts'
import { FORMAT_VERSION } from '../../src/engine/format/store-format.ts'
import { Everything, everything, INDEXES, Odd, odd } from './golden-records.ts'

const folder = mkdtempSync(join(tmpdir(), 'stridedb-golden-'))

/** Keeps a file of the folder under a golden name; one that is there already stays. */
function keep(from: string, name: string, version = `format-${FORMAT_VERSION}`): void {
  const target = fileURLToPath(new URL(`./${version}${name}`, import.meta.url))
  if (existsSync(target)) console.log(`${target} exists: a golden file is written once`)
  else copyFileSync(join(folder, from), target)
}

function fill(path: string, options = {}) {
  const store = openStore(path, Everything, { journalBytes: 65_536, ...options })
  store.appendMany(Array.from({ length: 20 }, (_, i) => everything(i)))
  store.commitSync()
  store.delete(3)
  store.delete(19)
  store.commitSync()
  return store
}

const plain = fill(join(folder, 'store.stride'))
await plain.backup(join(folder, 'exact.stride'))
plain.close()
keep('exact.stride', '.stride')

const checked = openStore(join(folder, 'checksums.stride'), Odd, { checksums: true })
checked.appendMany(Array.from({ length: 60 }, (_, i) => odd(i)))
checked.commitSync()
for (const n of [0, 8, 31, 59]) checked.delete(n)
checked.update(12, { safe: 12 })
checked.commitSync()
checked.close()
keep('checksums.stride', '-checksums.stride')

const indexed = join(folder, 'indexed.stride')
fill(indexed, { indexes: INDEXES }).close()
keep('indexed.stride', '-indexed.stride')
keep('indexed.stride-index', '-indexed.stride-index')

const open = openStore(indexed, Everything, { journalBytes: 65_536 })
open.update(0, { e: 77 })
open.commitSync()
open.append(everything(20))
open.delete(5)
open.commitSync()
for (const suffix of ['', '-index', '-journal']) {
  keep(`indexed.stride${suffix}`, `-left.stride${suffix}`, `journal-${JOURNAL_VERSION}`)
}
open.close()
rmSync(folder, { recursive: true })
