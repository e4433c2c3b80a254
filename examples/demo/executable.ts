/**
 * Question 1: what is inside the running Node binary? Answered from its own tables, opened in place.
 *
 * ELF (Linux and most Unix): symbols, elf-symbols.ts. PE (Windows): sections, pe-sections.ts. Anything else,
 * such as Mach-O, is named and left alone.
 */

import { FileMapping } from 'stridedb/mmap'
import { describeElf } from './elf-symbols.ts'
import { describePe } from './pe-sections.ts'
import { fact, size } from './terminal.ts'

export function describeExecutable(path: string): void {
  using mapping = FileMapping.open(path, { access: 'read' })
  fact('binary', `${path}, ${size(mapping.size)}`)
  if (mapping.size < 64) {
    fact('format', 'too short to be an executable: skipped')
    return
  }
  const start = mapping.view(0, 64).dataView
  const magic = start.getUint32(0)
  if (magic === 0x7f454c46) describeElf(path, mapping, start)
  else if (magic >>> 16 === 0x4d5a) describePe(path, mapping, start)
  else fact('format', `${formatName(magic)}: its tables are no records of one size, skipped`)
}

function formatName(magic: number): string {
  const machO = [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe, 0xcafebabf]
  return machO.includes(magic) ? 'Mach-O' : `unknown (begins with 0x${magic.toString(16).padStart(8, '0')})`
}
