/**
 * The section table of a PE file (an .exe of Windows), as records where they lie.
 *
 * Layout: Microsoft, "PE Format": the offset of the signature stands at 0x3c; the section table follows the optional header.
 */

import { latin1, openFlatFile, u16 } from 'stridedb'
import type { FileMapping } from 'stridedb/mmap'
import { z } from 'zod'
import { printTable } from './table.ts'
import { duration, fact, say, timed, whole } from './terminal.ts'

const PeSection = z.object({
  name: latin1(8),
  memoryBytes: z.uint32(),
  memoryAddress: z.uint32(),
  fileBytes: z.uint32(),
  fileOffset: z.uint32(),
  relocations: z.uint32(),
  lineNumbers: z.uint32(),
  relocationCount: u16(),
  lineNumberCount: u16(),
  flags: z.uint32(),
})

const SIGNATURE = 0x00004550
const EXECUTE = 0x20000000
const WRITE = 0x80000000

export function describePe(path: string, mapping: FileMapping, start: DataView): void {
  const signatureOffset = start.getUint32(0x3c, true)
  const coff = signatureOffset + 24 <= mapping.size ? mapping.view(signatureOffset, 24).dataView : undefined
  if (coff?.getUint32(0, true) !== SIGNATURE) {
    fact('format', 'a DOS program, not PE: skipped')
    return
  }
  const offset = signatureOffset + 24 + coff.getUint16(20, true)
  const opened = timed(() =>
    openFlatFile(path, PeSection, { readOnly: true, offset, count: coff.getUint16(6, true) }),
  )
  using sections = opened.answer
  fact('format', 'PE')
  fact('table', `sections: ${whole(sections.count)} records of ${sections.recordSize} bytes`)
  fact('opened', `in place in ${duration(opened.ms)}`)
  fact('largest', 'sections by size in the file')
  say()
  const largest = [...sections].sort((a, b) => b.fileBytes - a.fileBytes)
  printTable(
    ['section', 'bytes in file', 'in memory', 'holds'],
    largest.map(({ name, fileBytes, memoryBytes, flags }) => [
      name,
      whole(fileBytes),
      whole(memoryBytes),
      (flags & EXECUTE) !== 0 ? 'code' : (flags & WRITE) !== 0 ? 'data' : 'constants',
    ]),
    { left: [0, 3] },
  )
}
