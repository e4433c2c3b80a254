/**
 * Renders docs/format.md: every byte of a store's files, from the tables that the code reads and writes by.
 *
 * test/docs/foreign-reader.test.ts reads golden files by this page alone.
 */

import { DELETED_ENTRY } from '../src/engine/data-file/checksums.ts'
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
import { HASH_PLACES } from '../src/engine/indexes/pages/hash-leaf.ts'

export function formatPage(): string {
  return `# The file format, version ${FORMAT_VERSION}

For programs that read or check a store without this library. Rendered by \`npm run docs\` from
src/engine/format/store-format.ts, src/engine/format/journal-format.ts and
src/engine/format/index-format.ts. Tests read stores by this page, with nothing but a file and a
DataView: test/docs/foreign-reader.test.ts, test/docs/foreign-index-reader.test.ts.

- [Reading a store](#reading-a-store)
- [The data file](#the-data-file): [identity](#identity), [root](#root), [index
  definitions](#index-definitions), [layout](#layout), [values](#values), [null bits](#null-bits),
  [deletion bitmap](#deletion-bitmap), [checksums](#checksums), [shared words](#shared-words)
- [Lineage and generation](#lineage-and-generation)
- [The journal](#the-journal): [frame](#frame), [records in place](#records-in-place),
  [replaying](#replaying)
- [The index file](#the-index-file): [root](#index-root), [catalog](#catalog), [page](#index-page),
  [ordered entries](#entries-of-an-ordered-index), [hash entries](#entries-of-a-hash-index)
- [Files beside the store](#files-beside-the-store)

Numbers of all structures are little-endian. u64 holds a count below 2^52. CRC-32 is that of zlib,
gzip and PNG. A page has ${PAGE_BYTES} bytes.

## Reading a store

Of a store that was closed, or of a backup, the data file is all there is to read:

1. Read the [identity](#identity) at ${IDENTITY_OFFSET}. Check magic, \`formatVersion\` and
   checksum.
2. Read both [roots](#root). Take the intact one with the higher \`rootNumber\`.
3. If \`journalSegment\` is not 0, the store is open or was not closed: commits after this root are
   in the [journal](#the-journal).
4. Record n, for n from 0 below \`size\`, lies at \`dataOffset + n * recordSize\`, unless it is
   [deleted](#deletion-bitmap).
5. The [layout](#layout) says where each field of a record lies, and the tables below it what the
   bytes mean.

An open store changes while it is read. Read a backup of it, or close it first.

## The data file

| offset | what |
|---|---|
| ${IDENTITY_OFFSET} | identity: written once, one page |
| ${ROOT_OFFSETS.join(', ')} | roots: two alternating copies, on a page each |
| ${SHARED_OFFSET} | shared words, one page; their values mean nothing at rest |
| ${LAYOUT_OFFSET} | the layout: JSON text, padded to whole pages |
| \`dataOffset\` | the array: records, \`recordSize\` bytes each, nothing between them |
| \`liveBitsOffset\` | the deletion bitmap, behind the capacity; only once something was deleted |
| \`checksumsOffset\` | the checksums, behind the capacity; only in a store that was created with checksums |

Bytes of the array at and beyond record \`size\` mean nothing. The file may be longer than what the
root describes.

### Identity

${structTable(IDENTITY)}
### Root

Root number r is written to page ${ROOT_OFFSETS[0] / PAGE_BYTES} where r is even, to page
${ROOT_OFFSETS[1] / PAGE_BYTES} where it is odd. A copy is intact if its magic, its checksum and the
checksum of its index definitions are right. Of two intact copies the one with the higher root
number counts.

${structTable(ROOT)}
### Index definitions

They begin ${DEFINITIONS_AT} bytes behind the start of the root, on the same page:
\`definitionsBytes\` bytes of raw deflate (RFC 1951) that hold a JSON array with an object for each
index; 0 bytes stand for no index. The members stand in this order:

\`\`\`json
[{"name":"byId","on":["id"],"kind":"hash","unique":true},{"name":"byPlace","on":["place.x","place.y"],"kind":"ordered","unique":false}]
\`\`\`

\`on\` lists dotted paths of fields. A root of version 1 has no definitions; those of such a store
are in its index file alone.

### Layout

\`layoutBytes\` bytes of JSON text in UTF-8, without white space; \`layoutCrc\` and \`fingerprint\`
are of these bytes. Members stand in the order of this table, and those that are not needed are
absent. So equal layouts have equal texts.

| object | members |
|---|---|
| the record | \`version\`: 1; \`recordSize\`; \`alignment\`; \`fields\`: an array; \`nullBits\`: \`{"offset","size"}\` in bytes from the start of the record, only where a field needs null bits |
| every field | \`name\` (not of items and elements); \`type\`; \`offset\`: bytes from the start of the object or tuple around it, 0 for the element of an array; \`size\`: bytes of the value; \`width\`: bytes reserved, where more than \`size\`; \`endian\`: "big", where the value has more than one byte and is big-endian; \`nullable\`: true; \`optional\`: true |
| \`f16\`, \`f32\`, \`f64\` | \`nonFinite\`: true where NaN and the infinities are allowed |
| \`boolean\`, \`enum\`, \`dosdatetime\`, \`dosdate\` | \`lenient\`: true where a code that stands for no value is a value itself; of an \`enum\` behind \`codes\` |
| \`enum\` | \`values\`: an array of strings, numbers, booleans, null, or \`{"bigint":"123"}\`; \`codes\`: an array as long, the code of each value |
| \`ascii\`, \`latin1\`, \`utf8\`, \`utf16le\`, \`utf16be\` | \`padding\`: "space", "either" or "length"; absent for NUL bytes |
| \`decimal\` | \`of\`: the integer type; \`digits\`: 1 to 15 |
| \`unix\` | \`of\`: the integer type; \`unit\`: "s" or "ms" |
| \`bits\` | \`shift\`: position of the lowest bit, from the integer's lowest; \`count\`: how many bits |
| \`numbertext\` | \`radix\`: 2 to 36; \`fill\`: "zeros", "left" or "right"; \`end\`: "none", "nul", "space" or "nul-space" |
| \`object\` | \`fields\`; \`alignment\` |
| \`tuple\` | \`items\`: fields without names; \`alignment\` |
| \`union\` | \`tag\`: a name; \`variants\`: fields of type \`object\` without names, each with a field of that name and type \`enum\`, all of these at the same place and no two with the same code; \`alignment\` |
| \`array\` | \`length\`: elements; \`element\`: a field without a name. Element i lies \`i * width\` bytes behind the first, where \`width\` is the element's |

\`alignment\` is what a C compiler would align the object to; reading needs none of it.

### Values

| type | bytes | value |
|---|---|---|
| \`u8\`, \`i8\`, \`u16\`, \`i16\`, \`u24\`, \`i24\`, \`u32\`, \`i32\`, \`u48\`, \`i48\`, \`u64\`, \`i64\` | 1, 1, 2, 2, 3, 3, 4, 4, 6, 6, 8, 8 | integer, two's complement |
| \`safeint\` | 8 | a double that holds an integer of at most 2^53 - 1 in size; never -0 |
| \`f16\`, \`f32\`, \`f64\` | 2, 4, 8 | IEEE 754 |
| \`boolean\` | 1, 2 or 4 | 0 or 1; where it is \`lenient\`, any other code stands for itself |
| \`date\` | 8 | signed milliseconds since 1970-01-01 UTC, at most 8.64e15 in size |
| \`enum\` | 1, 2 or 4 | unsigned code: the value at the position in \`values\` that this code has in \`codes\`; where it is \`lenient\`, any other code stands for itself. \`z.literal\` is stored as an enum, too |
| \`ascii\`, \`latin1\`, \`utf8\`, \`utf16le\`, \`utf16be\` | \`size\` | text in this encoding. Padded with NULs, it ends before the first NUL; padded with spaces, it ends before the trailing spaces; padded with either, it ends before the spaces in front of the first NUL or of the end. With \`padding\` "length" the first byte is the number of bytes of the text, which stands behind it |
| \`decimal\` | those of \`of\` | an integer; the value is the double nearest to integer / 10^\`digits\`. The integer has at most 15 digits |
| \`unix\` | those of \`of\` | signed or unsigned seconds or milliseconds since 1970-01-01 UTC, at most 8.64e15 milliseconds in size |
| \`filetime\` | 8 | unsigned units of 100 ns since 1601-01-01 UTC, read to the whole millisecond before |
| \`dosdatetime\`, \`dosdate\` | 4, 2 | time, then date, two bytes each, or the date alone. Date: day in bits 0 to 4, month in 5 to 8, years since 1980 in 9 to 15. Time: seconds / 2 in bits 0 to 4, minutes in 5 to 10, hours in 11 to 15. UTC. Where it is \`lenient\`, what is no time stands for itself |
| \`uuid\`, \`guid\` | 16 | the bytes in the order of the text (RFC 9562); of a \`guid\` the first three groups, 4, 2 and 2 bytes, are little-endian |
| \`numbertext\` | \`size\` | digits of a whole number up to 2^53 - 1 in base \`radix\`; spaces and NULs around them are skipped, and nothing else is 0. Written in lower case, with zeros or spaces as \`fill\` says, and \`end\` behind them |
| \`bits\` | 1, 2 or 4 | \`count\` bits from \`shift\` of an unsigned integer, which other fields of type \`bits\` share |
| \`bytes\` | \`size\` | as they are |
| \`object\`, \`tuple\`, \`array\` | \`size\` | the fields inside |
| \`union\` | \`size\`, that of its largest variant | the fields of the variant that lists the code which the tag has |

A code that is not listed and a boolean above 1 are damage, unless the field is \`lenient\`. So are a
time out of the range of a Date, a date of DOS that is not in the calendar, a \`decimal\` of more than
15 digits, text whose length goes beyond its field, and a \`numbertext\` that is no number. Gaps and the
bytes of a null or absent value are zeros, and so are the bytes that a variant of a union does not
use and the bits of an integer that no field has.

An \`f32\` is rounded to the nearest float when it is written, ties to even: 0.1 is stored as
0.10000000149011612, and what is nearer to zero than 2^-150 as 0. A finite number beyond
±3.4028234663852886e38 is refused and never stored as an infinity. An \`f16\` is rounded likewise, from
the double itself; a finite number beyond ±65504 is refused.

### Null bits

A nullable field has one bit, an optional one has one bit, and a field that is both has two: first
null, then absent. A set bit says that the value is null, or absent; at most one of the two is set.
Bit b of a record is bit \`b % 8\`, from the lowest, of byte \`nullBits.offset + floor(b / 8)\`.

Bits are counted from 0 in the order of the fields, depth first: a field's own bits, then those of
the fields inside it. An array takes its own bits, then for each element as many as one element
takes. The variants of a union share their bits: each counts from the one behind the union's own, and
the union takes as many as the variant that needs most. Objects, tuples, arrays and unions that cannot be null have no bits of their own.

### Deletion bitmap

Record n is deleted if bit \`n % 8\`, from the lowest, of byte \`floor(n / 8)\` of the bitmap is
set. Where \`liveBitsOffset\` is 0, nothing is deleted. The bitmap has max(${PAGE_BYTES},
ceil(capacity / 8)) bytes; bits at and beyond \`size\` are clear. (The names \`liveBits…\` in the
tables are older than this text.)

### Checksums

Entry n is a u32 at \`checksumsOffset + 4 n\`: the CRC-32 of the \`recordSize\` bytes of record n.
The table has max(${PAGE_BYTES}, 4 capacity) bytes; entries at and beyond \`size\` mean nothing.

Where \`marksDeleted\` of the identity is 1, the entry of a deleted record is
0x${DELETED_ENTRY.toString(16)}, the ASCII text GONE, and a live record whose CRC-32 would be that
number has the entry 0x${(DELETED_ENTRY ^ 1).toString(16)}. Where \`marksDeleted\` is 0, the entry
of a deleted record means nothing.

### Shared words

The page at ${SHARED_OFFSET} is memory that open processes share. It is true only while a writer
holds byte 2 of the lock file.

| word (32 bits) | name |
|---|---|
${Object.entries(SHARED_WORDS)
  .map(([name, index]) => `| ${index} | ${name} |`)
  .join('\n')}

A count takes two words, the lower half first. The sequence is odd while the writer changes
committed bytes ([concurrency.md](concurrency.md)).

## Lineage and generation

Two files can have the same commit number and different contents: copies of one store that were
written separately. Two marks tell them apart.

- **Generation**: counts how often \`compact\` or \`migrateStore\` rewrote the data file. Journal
  and index file name the generation that they belong to.
- **Lineage** of a commit: the salt of the journal in which the commit was made. Each opening that
  commits begins a journal with a new random salt. After compact, migrate and backup the lineage is
  random. A store without a commit, and every root of version 1, has zeros.

A journal belongs to a store if store id and generation are equal and its salt is the root's
\`journalSalt\`. An index file belongs to it if store id and generation are equal and its commit is
the root's with the root's lineage, or a later one with the lineage \`journalSalt\`.

## The journal

\`x.stride-journal\` is there while a store is open for writing and has committed something, and
after a crash. The root names it by its salt.

| offset | what |
|---|---|
| 0 | header: written once, one block |
| ${BLOCK_BYTES} | slot 0, \`slotBytes\` |
| ${BLOCK_BYTES} + \`slotBytes\` | slot 1, \`slotBytes\` |
| ${BLOCK_BYTES} + 2 \`slotBytes\` | slot 2, for a transaction that is larger than \`slotBytes\`, to the end of the file |

A slot holds one segment: frames from its start, in the order of their commit numbers. Frames that
share a sync start on a fresh block of ${BLOCK_BYTES} bytes and follow each other at multiples of
${FRAME_ALIGNMENT}; zeros fill the last block. Segments are numbered and take free slots in turn.
The commit after the root's is in the segment that the root names, or in a later one.

${structTable(JOURNAL_HEADER)}
### Frame

A frame is one commit: a header, then \`payloadBytes\` of payload. The payload has the images of the
records from \`appendStart\` to \`size\`, then \`changeCount\` changes, in the order of their record
numbers. A change begins with
${CHANGE_HEAD_BYTES} bytes: the record number in the lower 56 bits, its kind in the highest byte.

${structTable(FRAME_HEADER)}
| kind | behind the first ${CHANGE_HEAD_BYTES} bytes |
|---|---|
| ${CHANGE_KINDS.update} update | the new image, then the part of the replaced image that differs: u32 first byte, u32 count, that many bytes of the replaced image |
| ${CHANGE_KINDS.insert} insert | the new image; the number was deleted before, or is new with this commit |
| ${CHANGE_KINDS.delete} delete | the replaced image |
| ${CHANGE_KINDS.skip} skip | nothing; the number is new with this commit, and deleted |
| ${CHANGE_KINDS.patch} patch | u32 number of ranges, u32 checksum entry of the new image (0 in a store without checksums); then the ranges, ascending: u32 first byte in the record, u32 count, that many new bytes, and the bytes that they replace |

A patch leaves out what is the same before and after. To replay, lay the patches of the frames over
the record in the data file, in order. The record there may be any mixture of its versions. A patch
that changes a byte of an index key has all bytes of that key. An update is written where a patch
would be no shorter.

### Records in place

A commit that appends much does not carry all images: the records from the previous commit's
\`size\` to \`appendStart\` were stored and synced in the data file before the frame was written. If
\`hasInPlaceCrc\` is 1, \`inPlaceCrc\` is the CRC-32 of these records, one after the other, as they
lay in the file then; a record that also has a change in this frame counts as zeros. To compare,
take for each record the bytes in the file, and make of them what the first later frame replaced, if
a later frame changes the record: of a patch lay the replaced bytes, the last patch first.

### Replaying

Begin at \`journalOffset\` with segment \`journalSegment\`; the next segment begins with the next
commit, in whichever slot its number is found. The first segment may begin with commits that the
root counts already: pass over them. A frame counts if its salt is the journal's, both checksums are
right and its commit number is one more than that of the frame before, which for the first is the
root's. Apply the frames in order: store images, set and clear deletion bits, take \`size\` and
\`deletedCount\` from the last one.

The first frame that is not whole ends the journal. If its commit number is at or below the highest
\`syncedCommit\` that any whole frame names, it is damage to a commit that was promised. Above that
it is the end of a commit that never returned.

## The index file

\`x.stride-index\` holds the indexes that the store's root defines. It can be rebuilt from the
records at any time, and counts only if it [belongs to the store](#lineage-and-generation). It
consists of pages of ${INDEX_PAGE_BYTES} bytes: page 0 is the header, pages 1 and 2 are two
alternating roots, and the others stand in no order. Root r is written to page 1 where r is even, to
page 2 where it is odd; the intact one with the higher number counts.

${structTable(INDEX_HEADER)}
### Index root

${structTable(INDEX_ROOT)}
### Catalog

\`catalogList\` is the first of neighbouring pages that hold a u32 for each page of the catalog.
These pages, in order, hold the catalog: \`indexCount\` catalog entries, one behind the other, and
then for each index

1. its definition, JSON as in the [root](#index-definitions) (one object), filled up with zeros to a
   multiple of 4;
2. u32 arrays of \`pageCount\` elements: the page's place in the file (the highest bit says that it
   is packed), its checksum, its number of entries;
3. \`pageCount\` fences and then \`pendingCount\` pending entries, \`entryWords\` u32 each.

${structTable(CATALOG_ENTRY)}
A fence, or an entry, in words is its key, the most significant word first, then the record number.
The key of a hash index is one word, the hash. The key of an ordered index is its bytes in
big-endian words, the last one filled up with zeros. A page holds the entries from its fence up to
the fence of the next page. The first fence is zeros.

A pending entry says that the pages may be wrong about this key and record number: look at the
record.

### Index page

${structTable(INDEX_PAGE)}
### Entries of an ordered index

An entry is the key's bytes and the record number, a big-endian u32. Entries compare as bytes. A key
is made of its fields, one behind the other:

| field | bytes of the key |
|---|---|
| unsigned integers | big-endian |
| signed integers, \`date\` | big-endian with the sign bit flipped |
| \`safeint\`, floats | big-endian: of a positive number with the sign bit flipped, of a negative one with all bits flipped; -0 as 0; every NaN as ones |
| \`decimal\`, \`numbertext\`, \`bits\`, times but \`date\` | the value, of a time its milliseconds, as a double, written as floats are |
| \`uuid\`, \`guid\` | 16 bytes in the order of the text |
| booleans, enums | the code, big-endian |
| text padded with NUL or with either, bytes | as they are, padding as zeros; \`utf16le\` as \`utf16be\` |
| text padded with spaces, or behind its length | the text, filled up with zeros; then how many bytes it has, in the least of u8, u16 and u32 that can count the field's bytes, big-endian |
| objects, tuples, arrays | their fields, one behind the other |
| nullable or optional | one byte in front: 0 absent, 1 null, 2 a value follows; zeros where there is none. It speaks for the field and for nullable objects around it. An enum that lists null uses the 1 for it, where the field can be null |

### Entries of a hash index

An entry is two little-endian u32: the hash of the key, and the record number. A page that is not
packed has ${HASH_PLACES} places. The home of an entry is place \`floor((hash - low) *
(${HASH_PLACES - 17} / (high - low)))\`, computed in doubles; \`low\` and \`high\` are the first
words of the page's fence and of the next page's, 2^32 behind the last page. An entry stands at its
home or behind it, in the order of the hashes, without a free place between. A free place is all
ones.

The hash is computed from the key that an ordered index would have, as big-endian words w, with the
seed's u32 words s0, s1, s2 (little-endian). All arithmetic is modulo 2^32; \`>>\` fills with zeros.

- One word: h = w ^ s0; h = (h ^ h >> 16) * 0x21f0aaad; h = (h ^ h >> 15) * (s2 | 1); h = h ^ s1; h
  = (h ^ h >> 15) * 0x735a2d97; the hash is h ^ h >> 15. Two different words never have the same
  hash.
- More words: HalfSipHash-1-3 with the key s0, s1 over the words, and then over one word more: the
  number of words shifted left by 26.

## Files beside the store

| name | what |
|---|---|
| \`x.stride-journal\` | the journal; belongs to the store as long as the root names it |
| \`x.stride-journal-new-…\` | a journal that is being created; means nothing |
| \`x.stride-index\` | the indexes; derivable from the records |
| \`x.stride-index-next\` | the indexes of the file that compact is about to put in the store's place; it counts instead of \`x.stride-index\` while that is of an older generation |
| \`x.stride-lock\` | the locks of the operating system: byte 0 is the writer's, byte 1 is used on network file systems, byte 2 is locked while the writer's shared words are true; no content |
| \`x.stride-new-…\` | a file that is being written by creation, compact, backup or migrate; may be deleted when no process has it open |
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
