/**
 * `stridedb/mmap` alone: bytes of a file as memory, no records, no schema.
 *
 * A file of 64 MiB is made and costs no memory until it is touched; two views overlap and show each other's stores at
 * once; a flush brings one to the disk; a copy keeps its stores to itself; a view that has ended throws.
 *
 *   npx tsx examples/mmap-alone.ts
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StrideError } from 'stridedb'
import { FileMapping, type MappedView } from 'stridedb/mmap'

const MEGABYTE = 1024 * 1024
const OFFSET = 600

const hex = (view: MappedView, at: number): string => `0x${view.dataView.getUint32(at, true).toString(16)}`

const folder = mkdtempSync(join(tmpdir(), 'stridedb-mmap-'))
try {
  const path = join(folder, 'notes.bin')
  using mapping = FileMapping.open(path, { access: 'readwrite', size: 64 * MEGABYTE })
  const all = mapping.view()
  const { pages, resident } = all.residency()
  console.log(`${mapping.size} bytes, ${resident} of ${pages} pages in memory`)

  const low = mapping.view(0, 1000)
  low.dataView.setUint32(OFFSET, 0xcafe, true)
  console.log(`one page touched: ${all.residency().resident} in memory`)

  const high = mapping.view(500, 1000)
  console.log(`the overlapping view sees ${hex(high, OFFSET - high.offset)}`)

  low.flush()
  await all.flushAsync()
  console.log(`flushed; a plain read sees 0x${readFileSync(path).readUInt32LE(OFFSET).toString(16)}`)

  using ours = FileMapping.open(path, { access: 'copy' })
  const copy = ours.view(0, 1000)
  copy.dataView.setUint32(OFFSET, 0xbeef, true)
  console.log(`the copy has ${hex(copy, OFFSET)}, the file ${hex(low, OFFSET)}`)

  low.unmap()
  try {
    hex(low, OFFSET)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
    console.log(`after unmap: ${error.code}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
