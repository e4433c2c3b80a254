/**
 * Renders docs/errors.md, docs/format.md and docs/options.md from the tables in the code. `npm run docs` writes them; a test
 * compares.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  CATALOG_ENTRY,
  INDEX_HEADER,
  INDEX_PAGE,
  INDEX_PAGE_BYTES,
  INDEX_ROOT,
} from '../src/engine/format/index-format.ts'
import {
  BLOCK_BYTES,
  CHANGE_HEAD_BYTES,
  CHANGE_KINDS,
  FRAME_ALIGNMENT,
  FRAME_HEADER,
  JOURNAL_HEADER,
} from '../src/engine/format/journal-format.ts'
import {
  DEFINITIONS_AT,
  FORMAT_VERSION,
  IDENTITY,
  IDENTITY_OFFSET,
  LAYOUT_OFFSET,
  PAGE_BYTES,
  ROOT,
  ROOT_OFFSETS,
  SHARED_OFFSET,
  SHARED_WORDS,
} from '../src/engine/format/store-format.ts'
import type { StructField } from '../src/engine/format/struct.ts'
import { ERROR_CODES } from '../src/errors.ts'
import { optionsPage } from './render-options.ts'

/** Every page that is rendered, by its path from the repository's top. */
export function renderedDocs(): Readonly<Record<string, string>> {
  return { 'docs/errors.md': errorsPage(), 'docs/format.md': formatPage(), 'docs/options.md': optionsPage() }
}

function errorsPage(): string {
  const entries = Object.entries(ERROR_CODES).map(
    ([code, { meaning, remedy }]) => `## ${code}\n\n${meaning}\n\nWhat to do: ${remedy}\n`,
  )
  return `# Errors

Rendered from src/errors.ts by \`npm run docs\`.

Operational failures are a \`StrideError\` with one of these codes and the facts it knows: \`path\`, \`offset\`,
\`recordNumber\`, \`batchIndex\`, \`field\`, \`issues\`, \`syscall\`, \`errno\`. Misuse (a fractional record number, a misspelt
option, an unknown field) is a plain TypeError or RangeError. An InvariantError is a bug of this library. \`instanceof StrideError\`
holds for errors of another copy of the library in the process, too; an error that was cloned, as by \`postMessage\`, has lost both
class and code.

${entries.join('\n')}`
}

function formatPage(): string {
  return `# The file format, version ${FORMAT_VERSION}

Rendered from src/engine/format/store-format.ts, src/engine/format/journal-format.ts and src/engine/format/index-format.ts by \`npm run docs\`. Numbers are little-endian.

| offset | what |
|---|---|
| ${IDENTITY_OFFSET} | identity: written once, one page |
| ${ROOT_OFFSETS.join(', ')} | roots: two alternating copies on pages of their own |
| ${SHARED_OFFSET} | shared words, one page; their values mean nothing at rest |
| ${LAYOUT_OFFSET} | the canonical layout: JSON text, padded to whole pages |
| \`dataOffset\` | records, \`recordSize\` bytes each, nothing between them |
| \`liveBitsOffset\` | live bits, behind the capacity; only once something was deleted |

A page has ${PAGE_BYTES} bytes. Record n lies at \`dataOffset + n * recordSize\`. Bytes of the array at and beyond \`size\` mean
nothing. Record n is deleted if bit \`n % 8\` (from the lowest) of byte \`floor(n / 8)\` of the live bits is set.
Where there are checksums, entry n is the CRC-32 of record n, or the ASCII text GONE if the record is deleted. A live record whose
CRC-32 would be that text has its lowest bit flipped.

A record's values, where the canonical layout says little or big for more than one byte: integers and floats as they are, \`safeint\`
as a double, -0 of an integer field as 0; \`f32\` rounded to the nearest float, ties to even, so that 0.1 is read as
0.10000000149011612, and what lies nearer to zero than 2^-150 as 0. A finite number beyond ±3.4028234663852886e38 does not fit an
f32: it is refused, and never stored as an infinity. Dates are milliseconds since 1970 in 64 bits; booleans, enums and literals
codes; text and bytes have a fixed length.

## Identity

${structTable(IDENTITY)}
## Root

The intact copy with the higher root number counts; root number r is written to page ${ROOT_OFFSETS[0] / PAGE_BYTES} where r is even, to
page ${ROOT_OFFSETS[1] / PAGE_BYTES} where it is odd. The definitions of the store's indexes lie on the same page, ${DEFINITIONS_AT} bytes behind its start:
\`definitionsBytes\` bytes that hold a JSON array in raw deflate (RFC 1951), \`[{"name":"byId","on":["id"],"kind":"hash","unique":true}]\`.
A copy counts only if both checksums are right.

${structTable(ROOT)}
## Shared words

| word (32 bits) | name |
|---|---|
${Object.entries(SHARED_WORDS)
  .map(([name, index]) => `| ${index} | ${name} |`)
  .join('\n')}

A count takes two words, the lower half first.

## The journal

\`x.stride-journal\` is there while a store is open for writing and has
committed something, and after a crash. The root names it by its salt.

| offset | what |
|---|---|
| 0 | header: written once, one block |
| ${BLOCK_BYTES} | slot 0, \`slotBytes\` |
| ${BLOCK_BYTES} + \`slotBytes\` | slot 1, \`slotBytes\` |
| ${BLOCK_BYTES} + 2 \`slotBytes\` | slot 2, grown for a transaction that is larger than \`slotBytes\` |

A slot holds one segment: frames from its start, in the order of their commit numbers. The frames that share a sync start on a
fresh block of ${BLOCK_BYTES} bytes and follow each other at multiples of ${FRAME_ALIGNMENT}; zeros fill the last block. Segments are numbered and take
free slots in turn. The commit that follows a root is in the segment that the root names, or in a later one.

${structTable(JOURNAL_HEADER)}
### Frame

One commit: a header, then \`payloadBytes\` of payload: the images of the records from \`appendStart\` to \`size\`, then
\`changeCount\` changes. A change begins with ${CHANGE_HEAD_BYTES} bytes, the record number in the lower 56 bits and its kind in the highest byte.

${structTable(FRAME_HEADER)}
| kind | behind the first ${CHANGE_HEAD_BYTES} bytes |
|---|---|
| ${CHANGE_KINDS.update} update | the new image, then the part of the replaced one that differs: u32 first byte, u32 count, that many bytes |
| ${CHANGE_KINDS.insert} insert | the new image; the number was deleted, or is new with this commit |
| ${CHANGE_KINDS.delete} delete | the replaced image |
| ${CHANGE_KINDS.skip} skip | nothing; the number is new with this commit, and deleted |

A frame counts if its salt is the journal's, both checksums are right and its commit number follows on. A frame that is not whole
at or below the highest \`syncedCommit\` that a whole frame names is damage; above it is the end of a commit that never returned.

## The index file

\`x.stride-index\` holds the indexes of a store, as its root defines them; it can be rebuilt from the records at any time. It counts where
its store id, generation and lineage lead to the store's root: of the root's commit the lineage is the root's, of a later one it is the salt of
the journal that the root names. All of it is pages of
${INDEX_PAGE_BYTES} bytes: page 0 the header, pages 1 and 2 two alternating roots, the others in no order. Root r is written to page 1 where r is
even, to page 2 where it is odd; the intact one with the higher number counts.

${structTable(INDEX_HEADER)}
### Index root

${structTable(INDEX_ROOT)}
The list that a root names is a u32 for each page of the catalog, in neighbouring pages. The catalog is one entry for each index,
one behind the other; then for each index its definition (JSON, zeros up to a multiple of 4) and arrays of u32: for each page
its place in the file (the highest bit: packed), its checksum, how many entries it holds, and its fence, \`entryWords\` words; then
the entries that wait, \`entryWords\` words each. An entry in words is its key, the most significant word first, and the record
number. A page holds the entries from its fence up to the next page's; the first fence is zeros.

${structTable(CATALOG_ENTRY)}
### Index page

${structTable(INDEX_PAGE)}
An entry of an ordered index is the key's bytes and the record number, u32, big-endian, so that entries compare as bytes. Keys are
made of their fields one behind the other: unsigned integers big-endian; signed ones with the sign bit flipped; floats with
the sign bit flipped, or where they are negative all bits, -0 as 0 and every NaN as ones; dates as 64-bit integers; booleans
and enums as their codes; text and bytes as they are, padding as zeros. Behind text padded with spaces, which may end in NUL, stands
how many bytes it has: u8, u16 or u32, the least that can count the field's. A field that can be null or absent has a byte in front:
0 absent, 1 null, 2 there; a literal that lists null has the 1 and zeros there, too, where the byte can say null.

An entry of a hash index is two u32, little-endian: the hash of the key, and the record number. A page that is not packed has 509
places; an entry stands at place \`floor((hash - low) * (492 / (high - low)))\` in doubles or behind it, in order, without a free place
between; \`low\` and \`high\` are the first words of its fence and of the next page's, 2^32 behind the last one. A free place is all ones.

## Files beside the store

| name | what |
|---|---|
| \`x.stride-journal\` | the journal; belongs to the store as long as the root names it |
| \`x.stride-journal-new-…\` | a journal being created; means nothing |
| \`x.stride-index\` | the indexes; derivable from the records |
| \`x.stride-index-next\` | the indexes of the file that compact is about to put in the store's place; counts in the place of the other while that is of an older generation |
| \`x.stride-lock\` | the locks of the operating system: byte 0 the writer's, byte 1 on network file systems, byte 2 while the writer's shared words are true; no content |
| \`x.stride-new-…\` | a file being written by creation, compact, backup or migrate; may be deleted when no process has it open |
`
}

function structTable(struct: { readonly size: number; readonly fields: readonly StructField[] }): string {
  const rows = struct.fields.map(({ name, type, offset, size, meaning }) => {
    const kind = type === 'bytes' ? `${size} bytes` : type
    return `| ${offset} | ${kind} | ${name} | ${meaning} |`
  })
  const checksum = `| ${struct.size - 4} | u32 | checksum | CRC-32 of the ${struct.size - 4} bytes before it |`
  return `| offset | type | name | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n${checksum}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of Object.entries(renderedDocs())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text)
  }
}
