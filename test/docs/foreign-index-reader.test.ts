/**
 * What could go wrong: what docs/format.md says of index files is not so. Golden index files are read here by that page, with nothing
 * of the library: header, roots, catalog, pages, pending entries, and the hashes and keys that records should have.
 */

import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { everything } from '../golden/golden-records.ts'

const PAGE = 4096

interface Entry {
  readonly key: Buffer
  readonly number: number
}
interface Index {
  readonly definition: { readonly name: string; readonly kind: 'hash' | 'ordered' }
  /** Entries of the pages, in order. */
  readonly entries: readonly Entry[]
  readonly pending: number
}

const isIntact = (bytes: Buffer): boolean =>
  crc32(bytes.subarray(0, -4)) === bytes.readUInt32LE(bytes.length - 4)

/** What docs/format.md, "The index file", says to do. */
function readIndexes(file: Buffer): { readonly seed: Buffer; readonly indexes: readonly Index[] } {
  const header = file.subarray(0, 512)
  expect([header.toString('latin1', 0, 8), isIntact(header)]).toEqual(['STRIINDX', true])
  const roots = [1, 2]
    .map(page => file.subarray(page * PAGE, page * PAGE + 512))
    .filter(root => root.toString('latin1', 0, 8) === 'STRIIXRT' && isIntact(root))
    .sort((a, b) => Number(b.readBigUInt64LE(8) - a.readBigUInt64LE(8)))
  const root = roots[0] as Buffer
  const catalogBytes = Number(root.readBigUInt64LE(48))
  const list = Number(root.readBigUInt64LE(40)) * PAGE
  const pages = Array.from({ length: Math.ceil(catalogBytes / PAGE) }, (_, i) =>
    file.readUInt32LE(list + 4 * i),
  )
  const catalog = Buffer.concat(pages.map(page => file.subarray(page * PAGE, (page + 1) * PAGE))).subarray(
    0,
    catalogBytes,
  )
  expect(crc32(catalog)).toBe(root.readUInt32LE(56))
  const count = root.readUInt32LE(60)
  let at = count * 32
  const indexes = Array.from({ length: count }, (_, i) => {
    const facts = catalog.subarray(i * 32, (i + 1) * 32)
    expect(isIntact(facts)).toBe(true)
    const [indexNumber, textBytes, entryWords, pageCount, pending] = [0, 4, 8, 12, 16].map(offset =>
      facts.readUInt32LE(offset),
    ) as [number, number, number, number, number]
    const definition = JSON.parse(catalog.toString('utf8', at, at + textBytes)) as Index['definition']
    at += Math.ceil(textBytes / 4) * 4
    const words = (length: number): number[] =>
      Array.from({ length }, () => catalog.readUInt32LE((at += 4) - 4))
    const [places, checksums, counts] = [words(pageCount), words(pageCount), words(pageCount)]
    const fences = words(pageCount * entryWords)
    words(pending * entryWords)
    const entries = places.flatMap((placed, p) => {
      const place = placed & 0x7fffffff
      const page = file.subarray(place * PAGE, (place + 1) * PAGE)
      expect([page.toString('latin1', 0, 4), isIntact(page), page.readUInt32LE(4)]).toEqual([
        'IXPG',
        true,
        indexNumber,
      ])
      expect([page.readUInt32LE(PAGE - 4), page.readUInt32LE(8)]).toEqual([checksums[p], counts[p]])
      const isPacked = placed >= 0x80000000
      expect(page.readUInt32LE(12)).toBe(isPacked ? 1 : 0)
      const [low, high] = [fences[p * entryWords] as number, fences[(p + 1) * entryWords] ?? 2 ** 32]
      const found =
        definition.kind === 'hash'
          ? hashEntries(page, isPacked, low, high)
          : orderedEntries(page, page.readUInt32LE(8))
      expect(found.length).toBe(counts[p])
      return found
    })
    return { definition, entries, pending }
  })
  expect(at).toBe(catalogBytes)
  return { seed: header.subarray(36, 52), indexes }
}

/** Bytes of a key of the golden files' ordered index: a code, and five bytes of text. */
const KEY_BYTES = 6

function orderedEntries(page: Buffer, count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const at = 16 + i * (KEY_BYTES + 4)
    return { key: page.subarray(at, at + KEY_BYTES), number: page.readUInt32BE(at + KEY_BYTES) }
  })
}

function hashEntries(page: Buffer, isPacked: boolean, low: number, high: number): Entry[] {
  const found: Entry[] = []
  let isFreeBefore = true
  for (let place = 0; place < (isPacked ? page.readUInt32LE(8) : 509); place++) {
    const at = 16 + place * 8
    const [hash, number] = [page.readUInt32LE(at), page.readUInt32LE(at + 4)]
    const isFree = hash === 0xffffffff && number === 0xffffffff
    if (!isFree) {
      const home = Math.floor((hash - low) * (492 / (high - low)))
      // Behind a free place stands only what is at home there.
      if (!isPacked) expect(isFreeBefore ? place === home : place >= home).toBe(true)
      found.push({ key: page.subarray(at, at + 4), number })
    }
    isFreeBefore = isFree
  }
  return found
}

/** The hash of a key of one word, as the page has it. */
function hashOfWord(word: number, seed: Buffer): number {
  const [s0, s1, s2] = [0, 4, 8].map(at => seed.readUInt32LE(at)) as [number, number, number]
  let h = word ^ s0
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h = Math.imul(h ^ (h >>> 15), s2 | 1)
  h ^= s1
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return (h ^ (h >>> 15)) >>> 0
}

const LIVE = Array.from({ length: 20 }, (_, n) => n).filter(n => n !== 3 && n !== 19)

test.each([1, 2])('the page tells how to read the index file of format %i', version => {
  const { seed, indexes } = readIndexes(readFileSync(`test/golden/format-${version}-indexed.stride-index`))
  const [byE, byText] = indexes as [Index, Index]
  expect(indexes.map(({ definition }) => definition)).toEqual([
    { name: 'byE', on: ['e'], kind: 'hash', unique: true },
    { name: 'byText', on: ['m', 'n'], kind: 'ordered', unique: false },
  ])
  expect([byE.pending, byText.pending]).toEqual([0, 0])

  const hashes = byE.entries.map(({ key, number }) => ({ hash: key.readUInt32LE(), number }))
  const expected = LIVE.map(number => ({ hash: hashOfWord(everything(number).e, seed), number }))
  expect(hashes).toEqual(expected.toSorted((a, b) => a.hash - b.hash))

  const keys = byText.entries.map(({ key, number }) => ({ key: key.toString('hex'), number }))
  const keyOf = (n: number): Buffer => {
    const { m, n: text } = everything(n)
    return Buffer.concat([Buffer.of(['red', 'green', 'blue'].indexOf(m)), Buffer.from(text.padEnd(5, '\0'))])
  }
  const inOrder = LIVE.toSorted((a, b) => Buffer.compare(keyOf(a), keyOf(b)) || a - b)
  expect(keys).toEqual(inOrder.map(number => ({ key: keyOf(number).toString('hex'), number })))
})
