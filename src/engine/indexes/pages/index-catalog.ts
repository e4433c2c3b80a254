/**
 * Encodes and decodes the catalog of an index file, which lists every index with its pages. A catalog is checked before it is used.
 */

import { endianness } from 'node:os'
import { CATALOG_ENTRY, FIXED_PAGES } from '../../format/index-format.ts'
import { compareWords } from '../keys/entry-words.ts'
import { definitionFrom, definitionText, type IndexDefinition } from '../keys/index-definition.ts'
import { Directory, type DirectoryArrays, PLACE_MASK } from './directory.ts'

/** One index of a catalog. */
export interface CatalogEntry {
  readonly indexNumber: number
  readonly definition: IndexDefinition
  readonly entryWords: number
  readonly arrays: DirectoryArrays
  /** Pending entries, as rows of words. */
  readonly pending: Uint32Array
}

const IS_BIG_ENDIAN = endianness() === 'BE'

export function encodeCatalog(entries: readonly CatalogEntry[]): Buffer {
  const parts: Uint8Array[] = []
  const texts = entries.map(({ definition }) => Buffer.from(definitionText(definition)))
  for (const [i, { indexNumber, entryWords, arrays, pending }] of entries.entries()) {
    const facts = {
      indexNumber,
      definitionBytes: (texts[i] as Buffer).length,
      entryWords,
      pageCount: arrays.places.length,
      pendingCount: pending.length / entryWords,
    }
    parts.push(CATALOG_ENTRY.encode(facts))
  }
  for (const [i, { arrays, pending }] of entries.entries()) {
    const text = texts[i] as Buffer
    parts.push(text, new Uint8Array(-text.length & 3))
    for (const words of [arrays.places, arrays.checksums, arrays.counts, arrays.fences, pending]) {
      parts.push(littleEndian(words))
    }
  }
  return Buffer.concat(parts)
}

/**
 * Decodes and checks a catalog. The arrays show its bytes where the processor can read them.
 * @param used a byte for each page of the file, in which the pages of the indexes are marked with 1
 * @returns its indexes, or why it is damaged
 */
export function decodeCatalog(
  bytes: Buffer,
  indexCount: number,
  used: Uint8Array,
): readonly CatalogEntry[] | string {
  const entries: CatalogEntry[] = []
  let at = indexCount * CATALOG_ENTRY.size
  if (at > bytes.length) return 'the catalog is too short'
  for (let i = 0; i < indexCount; i++) {
    const facts = CATALOG_ENTRY.decode(bytes.subarray(i * CATALOG_ENTRY.size, (i + 1) * CATALOG_ENTRY.size))
    const { indexNumber, definitionBytes, entryWords, pageCount, pendingCount } = facts
    const textEnd = at + definitionBytes + (-definitionBytes & 3)
    const words = pageCount * (3 + entryWords) + pendingCount * entryWords
    if (entryWords < 2 || textEnd + words * 4 > bytes.length) return 'the catalog contradicts itself'
    const definition = definitionFrom(bytes.toString('utf8', at, at + definitionBytes))
    if (definition === undefined) return 'a definition cannot be read'
    at = textEnd
    const take = (count: number): Uint32Array => {
      const taken = littleEndianWords(bytes.subarray(at, at + count * 4))
      at += count * 4
      return taken
    }
    const arrays = {
      places: take(pageCount),
      checksums: take(pageCount),
      counts: take(pageCount),
      fences: take(pageCount * entryWords),
    }
    const wrong = checkArrays(arrays, entryWords, used)
    if (wrong !== undefined) return `index '${definition.name}': ${wrong}`
    entries.push({ indexNumber, definition, entryWords, arrays, pending: take(pendingCount * entryWords) })
  }
  return at === bytes.length ? entries : 'the catalog is too long'
}

function checkArrays(
  { places, fences }: DirectoryArrays,
  entryWords: number,
  used: Uint8Array,
): string | undefined {
  for (let i = 0; i < places.length; i++) {
    const place = (places[i] as number) & PLACE_MASK
    if (place < FIXED_PAGES || place >= used.length) return `page ${place} is not in the file`
    if (used[place] === 1) return `page ${place} is there twice`
    used[place] = 1
  }
  const count = places.length
  if (count > 0 && compareWords(fences, 0, new Uint32Array(entryWords), 0, entryWords) !== 0)
    return 'fence 0 is out of order'
  for (let i = 1; i < count; i++) {
    const at = i * entryWords
    // The first words of most neighbours differ.
    if ((fences[at] as number) > (fences[at - entryWords] as number)) continue
    if (compareWords(fences, at - entryWords, fences, at, entryWords) >= 0) return `fence ${i} is out of order`
  }
  return undefined
}

/** The directory of a checked entry. */
export function directoryOf({ entryWords, arrays }: CatalogEntry): Directory {
  return new Directory(entryWords, arrays)
}

/** The bytes of words in a file. */
export function littleEndian(words: Uint32Array): Uint8Array {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
  return IS_BIG_ENDIAN ? Buffer.from(bytes).swap32() : bytes
}

/** The words of a file's bytes: in the same memory, or on other processors in a copy. */
export function littleEndianWords(bytes: Buffer): Uint32Array {
  if (!IS_BIG_ENDIAN && bytes.byteOffset % 4 === 0)
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const words = new Uint32Array(bytes.length / 4)
  const copy = Buffer.from(words.buffer)
  bytes.copy(copy)
  if (IS_BIG_ENDIAN) copy.swap32()
  return words
}
