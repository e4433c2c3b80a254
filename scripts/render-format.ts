/**
 * Renders docs/format.md: every byte of a store's files, from the tables that the code reads and writes by.
 *
 * test/docs/foreign-reader.test.ts reads golden files by this page alone.
 */

import { DELETED_ENTRY } from '../src/engine/data-file/checksums.ts'
import { CONSUMER } from '../src/engine/format/consumer-format.ts'
import { HANDOVER } from '../src/engine/format/handover-format.ts'
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
  FIRST_HOLDER_BYTE,
  FIRST_KEEPER_BYTE,
  FIRST_PLACE_BYTE,
  HANDOVER_OFFSET,
  JOINING_BYTE,
  KEEPERS,
  KEPT_COMMITS_AT,
  NETWORK_BYTE,
  PLACE_BYTES,
  PLACES,
  READY_BYTE,
  WRITER_BYTE,
} from '../src/engine/format/lock-file.ts'
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
src/engine/format/index-format.ts. Tests read stores by this page alone, with a file and a DataView:
test/docs/foreign-reader.test.ts, test/docs/foreign-index-reader.test.ts.

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

Numbers in all structures are little-endian. A u64 is a count below 2^52. CRC-32 is that of zlib,
gzip and PNG. A page has ${PAGE_BYTES} bytes.

## Reading a store

After a close, or in a backup, the data file contains the whole store:

1. Read the [identity](#identity) at ${IDENTITY_OFFSET}. Check magic, \`formatVersion\` and
   checksum.
2. Read both [roots](#root). Take the intact one with the higher \`rootNumber\`.
3. If \`journalSegment\` is not 0, the store is open or was not closed: commits after this root are
   in the [journal](#the-journal).
4. Record n, for n from 0 below \`size\`, is at \`dataOffset + n * recordSize\`, unless it is
   [deleted](#deletion-bitmap).
5. The [layout](#layout) gives the position of each field in a record, and the tables below it the
   meaning of the bytes.

An open store changes while it is read. Read a backup of it, or close it first.

## The data file

| offset | what |
|---|---|
| ${IDENTITY_OFFSET} | identity: written once, one page |
| ${ROOT_OFFSETS.join(', ')} | roots: two alternating copies, on a page each |
| ${SHARED_OFFSET} | shared words, one page; without meaning while the store is closed |
| ${LAYOUT_OFFSET} | the layout: JSON text, padded to whole pages |
| \`dataOffset\` | the array: records, \`recordSize\` bytes each, without gaps |
| \`liveBitsOffset\` | the deletion bitmap, behind the capacity; only once a record was deleted |
| \`checksumsOffset\` | the checksums, behind the capacity; only in a store that was created with checksums |

Bytes of the array at and beyond record \`size\` have no meaning. The file may be longer than the
root describes.

### Identity

${structTable(IDENTITY)}
### Root

Root number r is written to page ${ROOT_OFFSETS[0] / PAGE_BYTES} if r is even, to page
${ROOT_OFFSETS[1] / PAGE_BYTES} if it is odd. A copy is intact if its magic, its checksum and the
checksum of its index definitions are right. The valid root is the intact copy with the higher root
number.

${structTable(ROOT)}
### Index definitions

They begin ${DEFINITIONS_AT} bytes behind the start of the root, on the same page:
\`definitionsBytes\` bytes of raw deflate (RFC 1951). Inflated, they are a JSON array with an object
for each index; 0 bytes stand for no index. The members of an object have this order:

\`\`\`json
[{"name":"byId","on":["id"],"kind":"hash","unique":true},{"name":"byPlace","on":["place.x","place.y"],"kind":"ordered","unique":false}]
\`\`\`

\`on\` lists dotted paths of fields. A root of version 1 has no definitions; they are only in the
store's index file.

### Layout

\`layoutBytes\` bytes of JSON text in UTF-8, without white space; \`layoutCrc\` and \`fingerprint\`
are computed from these bytes. Members have the order of this table, and members without need are
absent, so equal layouts have equal texts.

| object | members |
|---|---|
| the record | \`version\`: 1; \`recordSize\`; \`alignment\`; \`fields\`: an array; \`nullBits\`: \`{"offset","size"}\` in bytes from the start of the record, only if a field needs null bits |
| every field | \`name\` (not of items and elements); \`type\`; \`offset\`: bytes from the start of the object or tuple around it, 0 for the element of an array; \`size\`: bytes of the value; \`width\`: bytes reserved, if more than \`size\`; \`endian\`: "big", if the value has more than one byte and is big-endian; \`nullable\`: true; \`optional\`: true |
| \`f16\`, \`f32\`, \`f64\` | \`nonFinite\`: true if NaN and the infinities are allowed |
| \`boolean\`, \`enum\`, \`dosdatetime\`, \`dosdate\` | \`lenient\`: true if a code that stands for no value is itself a value; in an \`enum\` it follows \`codes\` |
| \`enum\` | \`values\`: an array of strings, numbers, booleans, null, or \`{"bigint":"123"}\`; \`codes\`: an array of the same length with the code of each value |
| \`ascii\`, \`latin1\`, \`utf8\`, \`utf16le\`, \`utf16be\` | \`padding\`: "space", "either" or "length"; absent for NUL bytes |
| \`decimal\` | \`of\`: the integer type; \`digits\`: 1 to 15 |
| \`unix\` | \`of\`: the integer type; \`unit\`: "s" or "ms" |
| \`bits\` | \`shift\`: position of the lowest bit, from the integer's lowest; \`count\`: the count of bits |
| \`numbertext\` | \`radix\`: 2 to 36; \`fill\`: "zeros", "left" or "right"; \`end\`: "none", "nul", "space" or "nul-space" |
| \`object\` | \`fields\`; \`alignment\` |
| \`tuple\` | \`items\`: fields without names; \`alignment\` |
| \`union\` | \`tag\`: a name; \`variants\`: fields of type \`object\` without names, each with a field of that name and of type \`enum\`; these fields have the same place, and no two of them a common code; \`alignment\` |
| \`array\` | \`length\`: elements; \`element\`: a field without a name. Element i is \`i * width\` bytes behind the first, where \`width\` is the element's |

\`alignment\` is the alignment of the object in C. A reader does not need it.

### Values

| type | bytes | value |
|---|---|---|
| \`u8\`, \`i8\`, \`u16\`, \`i16\`, \`u24\`, \`i24\`, \`u32\`, \`i32\`, \`u48\`, \`i48\`, \`u64\`, \`i64\` | 1, 1, 2, 2, 3, 3, 4, 4, 6, 6, 8, 8 | integer, two's complement |
| \`safeint\` | 8 | a double that is an integer of at most 2^53 - 1 in size; never -0 |
| \`f16\`, \`f32\`, \`f64\` | 2, 4, 8 | IEEE 754 |
| \`boolean\` | 1, 2 or 4 | 0 or 1; if it is \`lenient\`, any other code stands for itself |
| \`date\` | 8 | signed milliseconds since 1970-01-01 UTC, at most 8.64e15 in size |
| \`enum\` | 1, 2 or 4 | unsigned code: the value at the position in \`values\` that this code has in \`codes\`; if it is \`lenient\`, any other code stands for itself. \`z.literal\` is stored as an enum, too |
| \`ascii\`, \`latin1\`, \`utf8\`, \`utf16le\`, \`utf16be\` | \`size\` | text in this encoding. Padded with NULs, it ends before the first NUL; padded with spaces, it ends before the trailing spaces; padded with either, it ends before the spaces in front of the first NUL or of the end. With \`padding\` "length" the first byte is the length of the text in bytes, and the text follows |
| \`decimal\` | those of \`of\` | an integer; the value is the double nearest to integer / 10^\`digits\`. The integer has at most 15 digits |
| \`unix\` | those of \`of\` | signed or unsigned seconds or milliseconds since 1970-01-01 UTC, at most 8.64e15 milliseconds in size |
| \`filetime\` | 8 | unsigned units of 100 ns since 1601-01-01 UTC, read as whole milliseconds, rounded down |
| \`dosdatetime\`, \`dosdate\` | 4, 2 | time, then date, two bytes each, or the date alone. Date: day in bits 0 to 4, month in 5 to 8, years since 1980 in 9 to 15. Time: seconds / 2 in bits 0 to 4, minutes in 5 to 10, hours in 11 to 15. UTC. If it is \`lenient\`, a value that is no time stands for itself |
| \`uuid\`, \`guid\` | 16 | the bytes in the order of the text (RFC 9562); of a \`guid\` the first three groups, 4, 2 and 2 bytes, are little-endian |
| \`numbertext\` | \`size\` | digits of a whole number up to 2^53 - 1 in base \`radix\`; spaces and NULs around them are skipped, and a field without digits is 0. Written in lower case, filled with zeros or spaces according to \`fill\`, and followed by \`end\` |
| \`bits\` | 1, 2 or 4 | \`count\` bits from \`shift\` of an unsigned integer, which other fields of type \`bits\` share |
| \`bytes\` | \`size\` | the bytes |
| \`object\`, \`tuple\`, \`array\` | \`size\` | the fields inside |
| \`union\` | \`size\`, that of its largest variant | the fields of the variant whose tag field lists the code of the tag |

A code that is not listed and a boolean above 1 are damage, unless the field is \`lenient\`. So are a
time out of the range of a Date, a date of DOS that is not in the calendar, a \`decimal\` of more
than 15 digits, text whose length goes beyond its field, and a \`numbertext\` that is no number. Gaps
and the bytes of a null or absent value are zeros, and so are bytes that a variant of a union does
not use and bits of an integer that belong to no field.

An \`f32\` is rounded to the nearest float when it is written, ties to even: 0.1 is stored as
0.10000000149011612, and a number nearer to zero than 2^-150 as 0. A finite number beyond
±3.4028234663852886e38 is refused and never stored as an infinity. An \`f16\` is rounded in the same
way, from the double itself; a finite number beyond ±65504 is refused.

### Null bits

A nullable field has one bit, an optional field has one bit, and a field that is both has two: first
null, then absent. A set bit means that the value is null, or absent; at most one of the two is set.
Bit b of a record is bit \`b % 8\`, from the lowest, of byte \`nullBits.offset + floor(b / 8)\`.

Bits are numbered from 0 in the order of the fields, depth first: a field's own bits, then those of
the fields inside it. An array has its own bits, then those of each element; all elements have
equally many. The variants of a union share their bits: the bits of each variant begin behind the
union's own bits, and the union takes as many as the variant that needs most. Objects, tuples,
arrays and unions that cannot be null have no bits of their own.

### Deletion bitmap

Record n is deleted if bit \`n % 8\`, from the lowest, of byte \`floor(n / 8)\` of the bitmap is
set. If \`liveBitsOffset\` is 0, no record is deleted. The bitmap has max(${PAGE_BYTES},
ceil(capacity / 8)) bytes; bits at and beyond \`size\` are clear. (The names \`liveBits…\` in the
tables date from an earlier design.)

### Checksums

Entry n is a u32 at \`checksumsOffset + 4 n\`: the CRC-32 of the \`recordSize\` bytes of record n.
The table has max(${PAGE_BYTES}, 4 capacity) bytes; entries at and beyond \`size\` have no meaning.

If \`marksDeleted\` of the identity is 1, the entry of a deleted record is
0x${DELETED_ENTRY.toString(16)}, the ASCII text GONE, and a live record whose CRC-32 would be that
number has the entry 0x${(DELETED_ENTRY ^ 1).toString(16)}. If \`marksDeleted\` is 0, the entry of a
deleted record has no meaning.

### Shared words

Processes that have the store open share the page at ${SHARED_OFFSET} as memory. Its words are valid
only while a writer holds the lock on byte 2 of the lock file.

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

- **Generation**: the count of rewrites of the data file by \`compact\` or \`migrateStore\`. Journal
  and index file contain the generation that they belong to.
- **Lineage** of a commit: the salt of the journal in which the commit was made. Each opening that
  commits begins a journal with a new random salt. After compact, migrate and backup the lineage is
  random. A store without a commit, and every root of version 1, has zeros.

A journal belongs to a store if store id and generation are equal and its salt is the root's
\`journalSalt\`. An index file belongs to a store if store id and generation are equal and its commit
is the root's with the root's lineage, or a later one with the lineage \`journalSalt\`.

## The journal

\`x.stride-journal\` exists while a store is open for writing and has committed something, and after
a crash. The root names it by its salt.

| offset | what |
|---|---|
| 0 | header: written once, one block |
| ${BLOCK_BYTES} | slot 0, \`slotBytes\` |
| ${BLOCK_BYTES} + \`slotBytes\` | slot 1, \`slotBytes\` |
| ${BLOCK_BYTES} + 2 \`slotBytes\` | slot 2, for a transaction that is larger than \`slotBytes\`, to the end of the file |

A slot contains one segment: frames from its start, in the order of their commit numbers. Frames
that share a sync start on a fresh block of ${BLOCK_BYTES} bytes and follow each other at multiples
of ${FRAME_ALIGNMENT}; zeros fill the last block. Segments are numbered and take free slots in turn.
The commit after the root's is in the segment that the root names, or in a later one.

${structTable(JOURNAL_HEADER)}
### Frame

A frame is one commit: a header, then \`payloadBytes\` of payload. The payload has the images of the
records from \`appendStart\` to \`size\`, then \`changeCount\` changes, in the order of their record
numbers. A change begins with ${CHANGE_HEAD_BYTES} bytes: the record number in the lower 56 bits, the
kind in the highest byte.

${structTable(FRAME_HEADER)}
| kind | behind the first ${CHANGE_HEAD_BYTES} bytes |
|---|---|
| ${CHANGE_KINDS.update} update | the new image, then the part of the replaced image that differs: u32 first byte, u32 count, that many bytes of the replaced image |
| ${CHANGE_KINDS.insert} insert | the new image; the number was deleted before, or is new with this commit |
| ${CHANGE_KINDS.delete} delete | the replaced image |
| ${CHANGE_KINDS.skip} skip | nothing; the number is new with this commit, and deleted |
| ${CHANGE_KINDS.patch} patch | u32 number of ranges, u32 checksum entry of the new image (0 in a store without checksums); then the ranges, ascending: u32 first byte in the record, u32 count, that many new bytes, and the bytes that they replace |

A patch lacks the bytes that are equal before and after the change. To replay, apply the patches of
the frames to the record in the data file, in order. The record there may be any mixture of its
versions. A patch that changes a byte of an index key has all bytes of that key. An update is
written if a patch would be no shorter.

### Records in place

The frame of a commit that appends many records does not contain their images: the records from the
previous commit's \`size\` to \`appendStart\` were stored and synced in the data file before the frame
was written. If \`hasInPlaceCrc\` is 1, \`inPlaceCrc\` is the CRC-32 of these records, one after the
other, as they were in the file then; a record that also has a change in this frame counts as zeros.
Later frames may have changed the records in the file. To compare, undo these changes first, from
the last frame to the first: put the replaced image, or the replaced bytes of a patch, over the
bytes from the file.

### Replaying

Begin at \`journalOffset\` with segment \`journalSegment\`. The next segment begins with the next
commit; find it by its number, in any slot. The first segment may begin with commits up to the
root's: skip them. A frame is valid if its salt is the journal's, both checksums are right and its
commit number is one more than that of the frame before (for the first frame, one more than the
root's). Apply the frames in order: store images, set and clear deletion bits, take \`size\` and
\`deletedCount\` from the last one.

The first frame that is not whole ends the journal. If its commit number is at or below the highest
\`syncedCommit\` of any whole frame, a durable commit is damaged. Above that it is the torn tail: a
commit that never returned.

## The index file

\`x.stride-index\` contains the indexes that the store's root defines. It can be rebuilt from the
records at any time, and is used only if it [belongs to the store](#lineage-and-generation). It
consists of pages of ${INDEX_PAGE_BYTES} bytes: page 0 is the header, pages 1 and 2 are two
alternating roots, and the others are in no order. Root r is written to page 1 if r is even, to page
2 if it is odd. The valid root is the intact one with the higher number.

${structTable(INDEX_HEADER)}
### Index root

${structTable(INDEX_ROOT)}
### Catalog

\`catalogList\` is the first of consecutive pages with a u32 for each page of the catalog: its page
number. The pages of the catalog, in this order, contain \`indexCount\` catalog entries, one behind
the other, and then for each index

1. its definition, JSON as in the [root](#index-definitions) (one object), padded with zeros to a
   multiple of 4;
2. u32 arrays of \`pageCount\` elements: the places of the pages in the file (a set highest bit means
   that the page is packed), their checksums, their counts of entries;
3. \`pageCount\` fences and then \`pendingCount\` pending entries, \`entryWords\` u32 each.

${structTable(CATALOG_ENTRY)}
A fence or an entry in words is its key, the most significant word first, then the record number.
The key of a hash index is one word, the hash. The key of an ordered index is its bytes in
big-endian words, the last one padded with zeros. A page contains the entries from its fence up to
the fence of the next page. The first fence is zeros.

A pending entry means that the pages may be wrong about this key and record number: read the record.

### Index page

${structTable(INDEX_PAGE)}
### Entries of an ordered index

An entry is the key's bytes and the record number, a big-endian u32. Entries compare as bytes. A key
consists of its fields, one behind the other:

| field | bytes of the key |
|---|---|
| unsigned integers | big-endian |
| signed integers, \`date\` | big-endian with an inverted sign bit |
| \`safeint\`, floats | big-endian; the sign bit of a positive number inverted, all bits of a negative one; -0 as 0; every NaN as ones |
| \`decimal\`, \`numbertext\`, \`bits\`, times except \`date\` | the value, or a time's milliseconds, as a double, written like a float |
| \`uuid\`, \`guid\` | 16 bytes in the order of the text |
| booleans, enums | the code, big-endian |
| text padded with NUL or with either, bytes | the bytes, padding as zeros; \`utf16le\` as \`utf16be\` |
| text padded with spaces, or behind its length | the text, padded with zeros; then its length in bytes, in the smallest of u8, u16 and u32 that can count the field's bytes, big-endian |
| objects, tuples, arrays | their fields, one behind the other |
| nullable or optional | one byte in front: 0 absent, 1 null, 2 a value follows; the bytes of a missing value are zeros. The byte stands for the field and for nullable objects around it. If the field can be null and is an enum that lists null, that null is stored as the 1, too |

### Entries of a hash index

An entry is two little-endian u32: the hash of the key, and the record number. A page that is not
packed has ${HASH_PLACES} places. The home of an entry is place \`floor((hash - low) *
(${HASH_PLACES - 17} / (high - low)))\`, computed in doubles; \`low\` and \`high\` are the first
words of the page's fence and of the next page's, 2^32 behind the last page. An entry is at its home
or behind it, in the order of the hashes, without a free place between. A free place is all ones.

The hash is computed from the key that an ordered index would have, as big-endian words w, with the
seed's u32 words s0, s1, s2 (little-endian). All arithmetic is modulo 2^32; \`>>\` fills with zeros.

- One word: h = w ^ s0; h = (h ^ h >> 16) * 0x21f0aaad; h = (h ^ h >> 15) * (s2 | 1); h = h ^ s1; h
  = (h ^ h >> 15) * 0x735a2d97; the hash is h ^ h >> 15. Two different words never have the same
  hash.
- More words: HalfSipHash-1-3 with the key s0, s1 over the words and one more word, the count of
  words shifted left by 26.

## Files beside the store

| name | what |
|---|---|
| \`x.stride-journal\` | the journal; belongs to the store as long as the root names it |
| \`x.stride-journal-new-…\` | a journal that is being created; has no meaning yet |
| \`x.stride-index\` | the indexes; can be rebuilt from the records |
| \`x.stride-index-next\` | the indexes of a compacted file that is about to replace the data file; used instead of \`x.stride-index\` while that has an older generation |
| \`x.stride-lock\` | the file of the system's locks: byte ${WRITER_BYTE} is the writer's, byte ${NETWORK_BYTE} is used on network file systems, byte ${READY_BYTE} is locked while the writer's shared words are valid. Writers by turns (\`lock: 'transaction'\`) lock byte ${JOINING_BYTE} while they join the queue, and one of the ${PLACES} bytes from ${FIRST_PLACE_BYTE} on for their place. Kept snapshots lock one of the ${KEEPERS} bytes from ${FIRST_KEEPER_BYTE} on. The content is the queue: for each place a float64 (${PLACE_BYTES} bytes) with the number of who has it, or 0; behind it, from byte ${KEPT_COMMITS_AT} on, likewise the commits of kept snapshots, where 0 keeps everything. Behind them, at offset ${HANDOVER_OFFSET}, is what the last turn [handed over](#handover) |
| \`x.stride-kept\` | only while snapshots are kept (\`keep: true\`): frames that the journal has dropped, in the order of their commits, as in a journal whose slots 0 and 1 have no bytes. Opening the store never needs it |
| \`x.stride-bell\` | made by who waits for commits; the writer stores a byte into it after each commit |
| \`x.stride-consumers\` | positions of named consumers of a tail: 64 places of two copies each (below). A place is locked, at the byte of its number, while a tail of the name is open; byte 64 while a position is moved |
| \`x.stride-new-…\` | a file that is being written by creation, compact, backup or migrate; may be deleted when no process has it open |

A copy of a consumer's position. Of the intact copies, the one with the higher sequence counts:

${structTable(CONSUMER)}
### Handover

A writer by turns leaves the journal and the shared words as they are, and stores this record before it
gives the lock to the next one. It counts while its holder locks byte ${FIRST_HOLDER_BYTE} + \`holder\` of the lock
file, and while the shared words have its \`sequence\` and \`writerGeneration\`. The next writer continues the
journal where the record says; without a record that counts it recovers, as after a crash. It is never
synced.

${structTable(HANDOVER)}
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
