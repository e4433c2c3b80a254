/**
 * The symbol table of an ELF64 file, as records where they lie.
 *
 * Three flat files over one binary: the file header (one record), the section table, and the symbols themselves.
 * Layouts: System V ABI, chapter 4, "ELF header", "Sections", "Symbol table".
 */

import { bytes, type FlatFile, openFlatFile, u8, u16 } from 'stridedb'
import type { FileMapping } from 'stridedb/mmap'
import { z } from 'zod'
import { readableName } from './cxx-names.ts'
import { printTable } from './table.ts'
import { duration, fact, say, timed, whole } from './terminal.ts'

const ElfHeader = z.object({
  ident: bytes(16),
  type: u16(),
  machine: u16(),
  version: z.uint32(),
  entry: z.uint64(),
  programHeaders: z.uint64(),
  sectionHeaders: z.uint64(),
  flags: z.uint32(),
  headerSize: u16(),
  programHeaderSize: u16(),
  programHeaderCount: u16(),
  sectionHeaderSize: u16(),
  sectionCount: u16(),
  sectionNames: u16(),
})

const ElfSection = z.object({
  name: z.uint32(),
  type: z.uint32(),
  flags: z.uint64(),
  address: z.uint64(),
  offset: z.uint64(),
  size: z.uint64(),
  link: z.uint32(),
  info: z.uint32(),
  alignment: z.uint64(),
  entrySize: z.uint64(),
})
type Section = z.infer<typeof ElfSection>

const ElfSymbol = z.object({
  name: z.uint32(),
  info: u8(),
  other: u8(),
  section: u16(),
  value: z.uint64(),
  size: z.uint64(),
})

const TABLES = [
  { type: 2, name: '.symtab' },
  { type: 11, name: '.dynsym' },
] as const
const KINDS = ['untyped', 'object', 'function', 'section', 'file', 'common', 'thread-local'] as const
const FUNCTION = 2
const LARGEST_COUNT = 8

export function describeElf(path: string, mapping: FileMapping, start: DataView): void {
  if (start.getUint8(4) !== 2) {
    fact('format', 'ELF of 32 bits: skipped')
    return
  }
  const endian = start.getUint8(5) === 2 ? 'big' : 'little'
  const how = { readOnly: true, endian } as const

  using headers = openFlatFile(path, ElfHeader, { ...how, count: 1 })
  const header = headers.get(0)!
  using sections = openFlatFile(path, ElfSection, {
    ...how,
    offset: Number(header.sectionHeaders),
    count: header.sectionCount,
  })
  const found = findSymbols(sections)
  if (found === undefined) {
    fact('format', `ELF64, ${header.sectionCount} sections, no symbol table: skipped`)
    return
  }
  const { table, section } = found
  const opened = timed(() =>
    openFlatFile(path, ElfSymbol, {
      ...how,
      offset: Number(section.offset),
      stride: Number(section.entrySize),
      count: Number(section.size / section.entrySize),
    }),
  )
  using symbols = opened.answer
  fact('format', `ELF64, ${endian}-endian, ${header.sectionCount} sections`)
  fact('table', `${table}: ${whole(symbols.count)} records of ${symbols.recordSize} bytes`)
  fact('opened', `in place in ${duration(opened.ms)}`)

  const counted = timed(() => countKinds(symbols))
  fact('kinds', `${counted.answer} (${duration(counted.ms)})`)

  const names = sections.get(section.link)!
  const strings = mapping.view(Number(names.offset), Number(names.size)).bytes
  const ranked = timed(() => largestFunctions(symbols))
  fact('largest', `functions by size (${duration(ranked.ms)})`)
  say()
  printTable(
    ['bytes', 'record', 'function'],
    ranked.answer.map(n => [
      whole(symbols.field(n, 'size')),
      whole(n),
      shortened(readableName(textAt(strings, symbols.field(n, 'name')))),
    ]),
    { left: [2] },
  )
}

function findSymbols(
  sections: FlatFile<typeof ElfSection>,
): { readonly table: string; readonly section: Section } | undefined {
  for (const { type, name } of TABLES) {
    for (const row of sections.scan()) {
      if (row.type === type) return { table: name, section: row.toObject() }
    }
  }
  return undefined
}

function countKinds(symbols: FlatFile<typeof ElfSymbol>): string {
  const counts = new Array<number>(16).fill(0)
  for (const info of symbols.gather('info')) counts[info & 15]!++
  return counts
    .map((count, kind) => ({ count, name: KINDS[kind] ?? `kind ${kind}` }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ count, name }) => `${whole(count)} ${name}`)
    .join(', ')
}

/** Record numbers of the largest functions, each address once: a constructor often has two names. */
function largestFunctions(symbols: FlatFile<typeof ElfSymbol>): number[] {
  const sizes = symbols.gather('size')
  const infos = symbols.gather('info')
  const functions = [...infos.keys()].filter(n => (infos[n]! & 15) === FUNCTION && sizes[n]! > 0n)
  functions.sort((a, b) => Number(sizes[b]! - sizes[a]!))
  const seen = new Set<bigint>()
  const largest: number[] = []
  for (const n of functions) {
    if (largest.length === LARGEST_COUNT) break
    const address = symbols.field(n, 'value')
    if (!seen.has(address)) largest.push(n)
    seen.add(address)
  }
  return largest
}

/** The NUL-terminated text at an offset of a string table. */
function textAt(strings: Uint8Array, offset: number): string {
  const end = strings.indexOf(0, offset)
  return Buffer.from(strings.subarray(offset, end < 0 ? strings.length : end)).toString('latin1')
}

const shortened = (name: string): string => (name.length <= 72 ? name : `${name.slice(0, 71)}…`)
