/**
 * What does opening an index cost, beside its length? The list of its pages is read and checked.
 *
 *   npx tsx bench/index-opening.ts [<pages>] [<processes>]
 *
 * An index file names so many pages of a hash index (250,000 pages: 100,000,000 records), which are holes. Each process opens it
 * once, as a program does, whose code is not compiled yet. Printed are the least and the median processor time. Not one of `npm run bench`.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { FIXED_PAGES, INDEX_PAGE_BYTES } from '../src/engine/format/index-format.ts'
import { defineIndex } from '../src/engine/indexes/keys/index-definition.ts'
import { createIndexFile, IndexFile } from '../src/engine/indexes/lifecycle/index-file.ts'
import { directoryOf, encodeCatalog, littleEndian } from '../src/engine/indexes/pages/index-catalog.ts'
import { writeIndexRoot } from '../src/engine/indexes/pages/index-root.ts'
import { choosePlatform } from '../src/mmap/choose-platform.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { median } from './quantile.ts'

const OWNER = { storeId: '00112233445566778899aabbccddeeff', generation: 0 }
const [pagesText = '250000', processes = '11', opened = ''] = process.argv.slice(2)
const { platform } = choosePlatform('mapped', tmpdir())

if (opened === '') measure(Number(pagesText))
else console.log(open(opened))

function measure(pages: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-index-opening-'))
  try {
    const path = join(folder, 'x.stride-index')
    fill(path, pages)
    const times: number[] = []
    for (let i = 0; i < Number(processes); i++) {
      const program = [...process.execArgv, import.meta.filename, pagesText, processes, path]
      const { stdout, stderr, status } = spawnSync(process.execPath, program, { encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      times.push(Number(stdout))
    }
    console.log(renderMachine(describeMachine(folder)))
    console.log(
      `${pages} pages: ${Math.min(...times).toFixed(1)} ms at best, median ${median(times).toFixed(1)} ms`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Milliseconds of processor time, which a busy machine changes less. */
function open(path: string): number {
  const windows = {
    windowBytes: 2 ** 30,
    mappedBytesMax: Number.POSITIVE_INFINITY,
    advice: 'normal',
    readsFirst: true,
  } as const
  const began = process.cpuUsage()
  const file = IndexFile.open(path, OWNER, { platform, windows, readOnly: true })
  if (typeof file === 'string') throw new Error(file)
  const directories = file.entries.map(directoryOf)
  const { user, system } = process.cpuUsage(began)
  const ms = (user + system) / 1000
  if (directories[0]?.pageCount !== Number(pagesText)) throw new Error('not all pages are there')
  file.close()
  return ms
}

/** Writes an index file whose root names so many pages. The catalog comes behind them, as at the end of a bulk build. */
function fill(path: string, pageCount: number): void {
  createIndexFile(platform, path, OWNER, undefined)
  const words = (word: (i: number) => number): Uint32Array =>
    Uint32Array.from({ length: pageCount }, (_, i) => word(i))
  const fences = new Uint32Array(pageCount * 2)
  for (let i = 0; i < pageCount; i++) fences[i * 2] = Math.floor((i * 2 ** 32) / pageCount)
  const arrays = {
    places: words(i => FIXED_PAGES + i),
    checksums: words(i => i),
    counts: words(() => 400),
    fences,
  }
  const definition = defineIndex('byId', { on: 'id', kind: 'hash' })
  const catalog = encodeCatalog([
    { indexNumber: 1, definition, entryWords: 2, arrays, pending: new Uint32Array(0) },
  ])
  const count = Math.ceil(catalog.length / INDEX_PAGE_BYTES)
  const first = FIXED_PAGES + pageCount
  const list = littleEndian(Uint32Array.from({ length: count }, (_, i) => first + i))
  const pages = first + count + Math.ceil(list.length / INDEX_PAGE_BYTES)
  const file = platform.open(path, { access: 'readwrite', create: 'never' })
  file.allocate(0, pages * INDEX_PAGE_BYTES)
  file.store(catalog, first * INDEX_PAGE_BYTES)
  file.store(list, (first + count) * INDEX_PAGE_BYTES)
  writeIndexRoot(file, {
    rootNumber: 3,
    commitNumber: 1,
    size: pageCount * 400,
    pages,
    catalogList: first + count,
    catalogBytes: catalog.length,
    catalogCrc: crc32(catalog),
    indexCount: 1,
    lineage: '0000000000000000',
  })
  file.close()
}
