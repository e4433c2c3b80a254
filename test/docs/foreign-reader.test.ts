/**
 * What could go wrong: docs/format.md leaves something out, or says what is not so. Golden files are read here as a program in
 * another language would read them: by that page, with node:fs and a DataView (and inflate, for the definitions of the indexes).
 * Nothing of the library is used by the reader; the expected records come from what wrote the files.
 */

import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { everything, INDEXES, odd } from '../golden/golden-records.ts'

interface Field {
  readonly name: string
  readonly type: string
  readonly offset: number
  readonly size: number
  readonly width?: number
  readonly endian?: 'big'
  readonly nullable?: true
  readonly optional?: true
  readonly padding?: 'space'
  readonly values?: readonly unknown[]
  readonly codes?: readonly number[]
  readonly fields?: readonly Field[]
  readonly items?: readonly Field[]
  readonly length?: number
  readonly element?: Field
}

const CRC_TABLE = Array.from({ length: 256 }, (_, n) => {
  let crc = n
  for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc >>> 0
})
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] as number)
  return (crc ^ 0xffffffff) >>> 0
}

/** A file's bytes, by position. */
class Bytes {
  readonly all: Uint8Array
  readonly view: DataView
  constructor(all: Uint8Array) {
    this.all = Uint8Array.from(all)
    this.view = new DataView(this.all.buffer)
  }
  u32 = (at: number): number => this.view.getUint32(at, true)
  u64 = (at: number): number => Number(this.view.getBigUint64(at, true))
  slice = (at: number, length: number): Uint8Array => this.all.subarray(at, at + length)
  text = (at: number, length: number): string => new TextDecoder().decode(this.slice(at, length))
  /** Whether the last 4 of these bytes are the CRC-32 of those before them. */
  isIntact = (at: number, length: number): boolean =>
    crc32(this.slice(at, length - 4)) === this.u32(at + length - 4)
}

/** What docs/format.md, "Reading a store", says to do. */
function readStore(file: Bytes) {
  if (file.text(0, 8) !== 'StrideDB' || file.u32(8) > 2 || !file.isIntact(0, 4096)) throw new Error('identity')
  const [recordSize, dataOffset, layoutBytes] = [file.u32(12), file.u64(16), file.u32(24)]
  if (crc32(file.slice(16_384, layoutBytes)) !== file.u32(28)) throw new Error('layout')
  const layout = JSON.parse(file.text(16_384, layoutBytes)) as {
    fields: Field[]
    nullBits?: { offset: number }
  }
  const root = [4096, 8192]
    .filter(at => isRoot(file, at))
    .sort((a, b) => file.u64(b + 16) - file.u64(a + 16))[0]
  if (root === undefined) throw new Error('roots')
  const definitions = file.u32(root + 104)
  const indexes: unknown =
    definitions === 0 ? [] : JSON.parse(String(inflateRawSync(file.slice(root + 512, definitions))))
  const [size, bitmap, checksums] = [file.u64(root + 24), file.u64(root + 48), file.u64(root + 84)]
  const isDeleted = (n: number): boolean =>
    bitmap !== 0 && ((file.all[bitmap + Math.floor(n / 8)] as number) >> (n % 8)) % 2 === 1
  const records = Array.from({ length: size }, (_, n) => {
    const at = dataOffset + n * recordSize
    const crc = crc32(file.slice(at, recordSize))
    const live = crc === 0x454e4f47 ? 0x454e4f46 : crc
    const entry = isDeleted(n) && file.u32(96) === 1 ? 0x454e4f47 : live
    if (checksums !== 0 && file.u32(checksums + 4 * n) !== entry) throw new Error(`checksum of record ${n}`)
    return isDeleted(n)
      ? undefined
      : members(file, layout.fields, at, { at: at + (layout.nullBits?.offset ?? 0), bit: 0 })
  })
  const journalSegment = file.u32(root + 72)
  return { records, indexes, journalSegment, layout, root, recordSize, dataOffset }
}

function isRoot(file: Bytes, at: number): boolean {
  const definitions = crc32(file.slice(at + 512, file.u32(at + 104))) === file.u32(at + 108)
  const magic = file.text(at, 8)
  return file.isIntact(at, 512) && (magic === 'STRIROOT' || (magic === 'STRIROT2' && definitions))
}

/** The next null bit, counted as the page says. */
interface NullBits {
  readonly at: number
  bit: number
}
function takeBit(file: Bytes, bits: NullBits): boolean {
  const { bit } = bits
  bits.bit++
  return ((file.all[bits.at + Math.floor(bit / 8)] as number) >> (bit % 8)) % 2 === 1
}

function members(file: Bytes, fields: readonly Field[], at: number, bits: NullBits): object {
  return Object.fromEntries(fields.map(field => [field.name, valueAt(file, field, at + field.offset, bits)]))
}

function valueAt(file: Bytes, field: Field, at: number, bits: NullBits): unknown {
  const isNull = field.nullable === true && takeBit(file, bits)
  const isAbsent = field.optional === true && takeBit(file, bits)
  // Bits of what is inside are counted whether it is there or not.
  const value = presentValue(file, field, at, bits, isNull || isAbsent)
  return isNull ? null : isAbsent ? undefined : value
}

function presentValue(file: Bytes, field: Field, at: number, bits: NullBits, isMissing: boolean): unknown {
  const { type, size, fields, items, element, length } = field
  if (type === 'object') return members(file, fields as Field[], at, bits)
  if (type === 'tuple') return (items as Field[]).map(item => valueAt(file, item, at + item.offset, bits))
  if (type === 'array') {
    const { width, ...each } = element as Field
    const stride = width ?? each.size
    return Array.from({ length: length as number }, (_, i) => valueAt(file, each, at + i * stride, bits))
  }
  return isMissing ? undefined : leaf(file, field, at, size)
}

function leaf(file: Bytes, { type, endian, padding, values, codes }: Field, at: number, size: number): unknown {
  const { view } = file
  const little = endian !== 'big'
  const code = (): number =>
    size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, little) : view.getUint32(at, little)
  switch (type) {
    case 'u8':
    case 'u16':
    case 'u32':
      return code()
    case 'i8':
      return view.getInt8(at)
    case 'i16':
      return view.getInt16(at, little)
    case 'i32':
      return view.getInt32(at, little)
    case 'u64':
      return view.getBigUint64(at, little)
    case 'i64':
      return view.getBigInt64(at, little)
    case 'f32':
      return view.getFloat32(at, little)
    case 'f64':
    case 'safeint':
      return view.getFloat64(at, little)
    case 'date':
      return new Date(Number(view.getBigInt64(at, little)))
    case 'boolean':
      return [false, true][code()]
    case 'enum': {
      const value = (values as unknown[])[(codes as number[]).indexOf(code())]
      return typeof value === 'object' && value !== null ? BigInt((value as { bigint: string }).bigint) : value
    }
    case 'bytes':
      return Uint8Array.from(file.slice(at, size))
    default: {
      const text = new TextDecoder(type === 'utf8' ? 'utf8' : 'latin1').decode(file.slice(at, size))
      return padding === 'space' ? text.replace(/ +$/, '') : (text.split('\0')[0] as string)
    }
  }
}

interface Replayed {
  /** Images by record number; undefined for a deleted record. */
  readonly images: ReadonlyMap<number, Uint8Array | undefined>
  readonly size: number
  readonly commits: number
}

/** What docs/format.md, "Replaying", says to do; of segments that follow each other in slots of the same journal. */
function replay(journal: Bytes, store: Bytes, root: number, recordSize: number): Replayed {
  const salt = store.text(root + 64, 8)
  if (journal.text(0, 8) !== 'STRIJRNL' || !journal.isIntact(0, 512) || journal.text(40, 8) !== salt) {
    throw new Error('journal')
  }
  const images = new Map<number, Uint8Array | undefined>()
  let [size, commit, commits] = [store.u64(root + 24), store.u64(root + 8), 0]
  let at = store.u64(root + 76)
  for (;;) {
    const isFrame =
      journal.u32(at) === 0x4d524653 && journal.text(at + 8, 8) === salt && journal.isIntact(at, 88)
    const payload = isFrame ? journal.slice(at + 88, journal.u64(at + 64)) : undefined
    if (payload === undefined || crc32(payload) !== journal.u32(at + 72)) {
      // The rest of a block after the last frame of a sync.
      if (at % 4096 === 0) return { images, size, commits }
      at = Math.ceil(at / 4096) * 4096
      continue
    }
    if (journal.u64(at + 16) === commit + 1) {
      commit++
      commits++
      let p = at + 88
      const take = (length: number): Uint8Array => journal.slice((p += length) - length, length)
      const end = journal.u64(at + 32)
      for (let n = journal.u64(at + 48); n < end; n++) images.set(n, take(recordSize))
      for (let i = 0; i < journal.u64(at + 56); i++) {
        const [low, high] = [journal.u32(p), journal.u32(p + 4)]
        p += 8
        const kind = high >>> 24
        const image = kind === 4 ? undefined : take(recordSize)
        images.set(low + (high & 0xffffff) * 2 ** 32, kind === 1 || kind === 2 ? image : undefined)
        if (kind === 1) take(8 + journal.u32(p + 4))
      }
      size = end
    }
    at = Math.ceil((at + 88 + journal.u64(at + 64)) / 8) * 8
  }
}

const golden = (name: string): Bytes => new Bytes(readFileSync(`test/golden/${name}`))
const all = (count: number, deleted: readonly number[], record: (n: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, n) => (deleted.includes(n) ? undefined : record(n)))

test.each(['format-1.stride', 'format-2.stride', 'format-1-indexed.stride', 'format-2-indexed.stride'])(
  'the page tells how to read %s',
  name => {
    const { records, indexes, journalSegment } = readStore(golden(name))
    expect(records).toEqual(all(20, [3, 19], everything))
    expect(journalSegment).toBe(0)
    const named = Object.entries(INDEXES).map(([index, { on, ...rest }]) => ({
      name: index,
      on: [on].flat(),
      kind: 'hash',
      unique: false,
      ...rest,
    }))
    expect(indexes).toEqual(name === 'format-2-indexed.stride' ? named : [])
  },
)

test('the page tells how to read null bits, codes, byte orders, padding and checksums', () => {
  const { records } = readStore(golden('format-2-checksums.stride'))
  const changed = (n: number): unknown => ({ ...odd(n), ...(n === 12 ? { safe: 12 } : {}) })
  expect(records).toEqual(all(60, [0, 8, 31, 59], changed))
})

test('the page tells how to notice a damaged record, and a damaged root', () => {
  const damaged = (offset: number): Bytes => {
    const file = golden('format-2-checksums.stride')
    file.all[offset] = (file.all[offset] as number) ^ 1
    return file
  }
  const { root, recordSize, dataOffset } = readStore(golden('format-2-checksums.stride'))
  expect(() => readStore(damaged(dataOffset + 5 * recordSize + 3))).toThrow('checksum of record 5')
  expect(() => readStore(damaged(0))).toThrow('identity')
  expect(readStore(damaged(root + 24)).root).not.toBe(root)
})

test.each([1, 2])('the page tells how to replay the journal of a store of format %i', version => {
  const file = golden(`format-${version}-left.stride`)
  const { records, root, recordSize, layout, journalSegment } = readStore(file)
  expect(journalSegment).not.toBe(0)
  const { images, size, commits } = replay(
    golden(`format-${version}-left.stride-journal`),
    file,
    root,
    recordSize,
  )
  const bitmap = layout.nullBits?.offset ?? 0
  const replayed = Array.from({ length: size }, (_, n) => {
    if (!images.has(n)) return records[n]
    const image = images.get(n)
    return image && members(new Bytes(image), layout.fields, 0, { at: bitmap, bit: 0 })
  })
  expect(commits).toBe(2)
  const now = (n: number): unknown => ({ ...everything(n), ...(n === 0 ? { e: 77 } : {}) })
  expect(replayed).toEqual(all(21, [3, 5, 19], now))
})
