/**
 * What could go wrong with what is given: it is taken all the same, or refused with words that do not say which thing
 * and why, or refused after a byte of some file was changed. One table a kind; each row says what the message must name,
 * and the folder is compared byte for byte.
 *
 * Each refused value by itself: schema/refusals.test.ts. What a refused record leaves staged: writing.test.ts. Full
 * disks and files shortened under a store: large.test.ts.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ascii, openFlatFile, openStore, openStoreAsync, StrideError, u8, utf8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { Point, Trade, type TradeRecord, temporaryFolder, trade } from './support.ts'

/** A closed store with records 0 to 9. */
function filled(): string {
  const path = join(temporaryFolder(), 'trades.stride')
  using store = openStore(path, Trade)
  store.appendMany(Array.from({ length: 10 }, (_, i) => trade(i)))
  store.commitSync()
  return path
}

/** A flat file of ten points. */
function flat(bytesMore = 0): string {
  const path = join(temporaryFolder(), 'points.bin')
  writeFileSync(path, new Uint8Array(10 * 9 + bytesMore).fill(1))
  return path
}

function changed(path: string, change: (bytes: Buffer) => void): string {
  const bytes = readFileSync(path)
  change(bytes)
  writeFileSync(path, bytes)
  return path
}

/** Name and content of everything in a folder. */
function contents(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder)
      .sort()
      .map(name => {
        const path = join(folder, name)
        return [name, statSync(path).isFile() ? readFileSync(path).toString('latin1') : 'no file']
      }),
  )
}

function failureOf(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('it was accepted')
}

interface Refused {
  readonly what: string
  /** A StrideError's code, or the name of a plain error. */
  readonly error: string
  /** What the message must say. */
  readonly says: readonly string[]
}

/** The call fails as the row says, and changes nothing in the folder. */
function refuses(folder: string, { error, says }: Refused, call: () => unknown): StrideError {
  const before = contents(folder)
  const failure = failureOf(call)
  expect(failure instanceof StrideError ? failure.code : failure.name, failure.message).toBe(error)
  for (const part of says) expect(failure.message).toContain(part)
  expect(contents(folder)).toEqual(before)
  return failure as StrideError
}

describe('a store is not opened', () => {
  const files: readonly (Refused & { readonly make: () => string; readonly schema?: z.ZodObject | null })[] = [
    {
      what: 'with the wrong magic',
      make: () => changed(filled(), bytes => bytes.write('STRIPE', 0, 'latin1')),
      error: 'ERR_STRIDE_NOT_A_STORE',
      says: ['trades.stride', '0x535452495045'],
    },
    {
      what: 'where it is a flat file',
      make: flat,
      error: 'ERR_STRIDE_NOT_A_STORE',
      says: ['points.bin', '0x0101'],
    },
    {
      what: 'with a newer format',
      make: () =>
        changed(filled(), bytes => {
          bytes.writeUInt32LE(99, 8)
          bytes.writeUInt32LE(crc32(bytes.subarray(0, 4092)), 4092)
        }),
      error: 'ERR_STRIDE_FORMAT_NEWER',
      says: ['trades.stride', '99'],
    },
    {
      what: 'with a truncated header',
      make: () => truncated(filled(), 3000),
      error: 'ERR_STRIDE_TRUNCATED',
      says: ['trades.stride', '3000', '4096'],
    },
    {
      what: 'with truncated records',
      make: () => truncated(filled(), 20_600),
      error: 'ERR_STRIDE_TRUNCATED',
      says: ['trades.stride', '20600'],
    },
    {
      what: 'at a path that is a directory',
      make: () => folderAt('trades.stride'),
      error: 'ERR_STRIDE_IS_DIRECTORY',
      says: ['trades.stride', 'directory'],
    },
    {
      what: 'at a path that is a directory, without a schema',
      make: () => folderAt('trades.stride'),
      schema: null,
      error: 'ERR_STRIDE_IS_DIRECTORY',
      says: ['trades.stride', 'directory'],
    },
    {
      what: 'at a path below a file',
      make: () => join(filled(), 'below.stride'),
      error: 'ERR_STRIDE_NOT_FOUND',
      says: ['below.stride'],
    },
    {
      what: 'where there is none and no schema says what to create',
      make: () => join(temporaryFolder(), 'absent.stride'),
      schema: null,
      error: 'ERR_STRIDE_NOT_FOUND',
      says: ['absent.stride does not exist: give a schema to create it'],
    },
  ]
  test.each(files)('$what', row => {
    const path = row.make()
    const { schema = Trade } = row
    const folder = statSync(dirname(path)).isDirectory() ? dirname(path) : dirname(dirname(path))
    const open = (options: object): unknown =>
      schema === null ? openStore(path, options) : openStore(path, schema, options)
    refuses(folder, row, () => open({}))
    const says = row.says.map(part => part.replace(': give a schema to create it', ''))
    refuses(folder, { ...row, says }, () => open({ readOnly: true }))
  })

  test('without a schema and to be read only, and is not told to create it', () => {
    const path = join(temporaryFolder(), 'absent.stride')
    for (const options of [{ readOnly: true }, { create: false }]) {
      expect(failureOf(() => openStore(path, options)).message).toBe(`${path} does not exist`)
    }
  })

  const schemas: readonly (Refused & { readonly schema: z.ZodObject })[] = [
    { what: 'another type', schema: Trade.extend({ qty: z.int32() }), says: ["'qty' was u32", 'is i32'] },
    {
      what: 'another length',
      schema: Trade.extend({ symbol: ascii(9) }),
      says: ["'symbol' was ascii(8)", 'is ascii(9)', 'had 125 bytes, has 126'],
    },
    {
      what: 'another encoding',
      schema: Trade.extend({ symbol: utf8(8) }),
      says: ["'symbol' was ascii(8)", 'is utf8(8)'],
    },
    {
      what: 'another padding',
      schema: Trade.extend({ symbol: ascii(8, { padding: 'space' }) }),
      says: ["'symbol' was ascii(8) at", 'is ascii(8) padded with spaces'],
    },
    {
      what: 'a nullable field',
      schema: Trade.extend({ price: z.float64().nullable() }),
      says: ["'price' was f64 at", 'is f64 nullable'],
    },
    { what: 'a field more', schema: Trade.extend({ extra: u8() }), says: ["'extra' is new (u8 at byte 125)"] },
    { what: 'a field less', schema: Trade.omit({ note: true }), says: ["'note' is gone (was utf8(60)"] },
    {
      what: 'another order',
      schema: z.object({ time: z.float64(), ...Trade.omit({ time: true }).shape }),
      says: ["'time' was f64 at byte 4, is f64 at byte 0", "'id' was u32 at byte 0, is u32 at byte 8"],
    },
  ].map(row => ({ ...row, error: 'ERR_STRIDE_SCHEMA_MISMATCH' }))
  test.each(schemas)('with a schema that has $what', row => {
    const path = filled()
    refuses(dirname(path), { ...row, says: ['trades.stride', ...row.says] }, () => openStore(path, row.schema))
  })

  const unfit: readonly (Refused & { readonly type: z.ZodType })[] = [
    { what: 'z.string()', type: z.string(), says: ['ascii(n), latin1(n) or utf8(n)'] },
    { what: 'z.bigint()', type: z.bigint(), says: ['z.int64() or z.uint64()'] },
    { what: 'z.array() of any length', type: z.array(u8()), says: ['z.array(…).length(n)'] },
    { what: 'z.union()', type: z.union([u8(), ascii(3)]), says: ['z.enum([…])'] },
    { what: 'z.record()', type: z.record(z.string(), u8()), says: ['z.object({…})'] },
    { what: 'z.map()', type: z.map(z.string(), u8()), says: ['z.array(…).length(n)'] },
    { what: 'z.any()', type: z.any(), says: ['bytes(n)'] },
    { what: 'a transform', type: u8().transform(String), says: ['convert before writing'] },
    { what: 'a pipe', type: z.preprocess(Number, u8()), says: ['convert before writing'] },
    { what: 'z.lazy()', type: z.lazy(() => u8()), says: ['cannot contain itself'] },
    { what: 'z.custom()', type: z.custom<number>(), says: ['z.date() for a Date'] },
  ].map(row => ({ ...row, error: 'ERR_STRIDE_LAYOUT' }))
  test.each(unfit)('with a schema in which $what has no layout', row => {
    const folder = temporaryFolder()
    const schema = z.object({ good: u8(), deep: z.object({ bad: row.type }) })
    for (const open of [
      () => openStore(join(folder, 'new.stride'), schema),
      () => openFlatFile(join(folder, 'new.bin'), schema),
    ]) {
      expect(refuses(folder, { ...row, says: ["'deep.bad'", ...row.says] }, open).field).toBe('deep.bad')
    }
  })

  const options: readonly { readonly given: object; readonly says: string; readonly error?: string }[] = [
    { given: { readonly: true }, says: "has no option 'readonly': did you mean 'readOnly'?" },
    { given: { lockTimeout: 5 }, says: "has no option 'lockTimeout': did you mean 'lockTimeoutMs'?" },
    { given: { maxMapped: 5 }, says: "has no option 'maxMapped': did you mean 'maxMappedBytes'?" },
    { given: { bakcend: 'file' }, says: "has no option 'bakcend': did you mean 'backend'?" },
    { given: { zzz: 1 }, says: "has no option 'zzz': known are" },
    { given: { backend: 'mmap' }, says: "backend must be one of auto, mapped, file, memory: 'mmap'" },
    { given: { readOnly: 1 }, says: 'readOnly must be true or false: 1' },
    { given: { lockTimeoutMs: '5' }, says: "lockTimeoutMs must be a whole number from 0: '5'" },
    { given: { windowBytes: 65_537 }, says: 'windowBytes must be a power of two', error: 'RangeError' },
    { given: { maxMappedBytes: -1 }, says: 'maxMappedBytes must be a whole number', error: 'RangeError' },
  ]
  test.each(options)('with the options $given', async ({ given, says, error = 'TypeError' }) => {
    const folder = temporaryFolder()
    const path = join(folder, 'new.stride')
    refuses(folder, { what: '', error, says: [says] }, () => openStore(path, Point, given))
    const failure: Error = await openStoreAsync(path, Point, given).then(
      () => new Error('it was accepted'),
      reason => reason,
    )
    expect(failure.name).toBe(error)
    expect(failure.message).toContain(says)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a flat file is not opened', () => {
  const rows: readonly (Refused & { readonly make: () => string; readonly options?: object })[] = [
    {
      what: 'with a part of a record at its end',
      make: () => flat(4),
      error: 'ERR_STRIDE_PARTIAL_RECORD',
      says: ['points.bin', '4 bytes', '9 bytes'],
    },
    {
      what: 'that is shorter than one record',
      make: () => truncated(flat(), 5),
      error: 'ERR_STRIDE_PARTIAL_RECORD',
      says: ['points.bin', '5 bytes'],
    },
    {
      what: 'with fewer records than `count` says',
      make: flat,
      options: { count: 11 },
      error: 'ERR_STRIDE_TRUNCATED',
      says: ['points.bin', '99', '90'],
    },
    {
      what: 'with an offset past its end',
      make: flat,
      options: { offset: 91 },
      error: 'ERR_STRIDE_TRUNCATED',
      says: ['points.bin', '91', '90'],
    },
    {
      what: 'with the largest offset and count there are',
      make: flat,
      options: { offset: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER },
      error: 'ERR_STRIDE_TRUNCATED',
      says: ['points.bin', '90 bytes'],
    },
    {
      what: 'with a stride below the record size',
      make: flat,
      options: { stride: 8 },
      error: 'RangeError',
      says: ['record size 9', '8'],
    },
    {
      what: 'where it is a directory',
      make: () => folderAt('points.bin'),
      error: 'ERR_STRIDE_IS_DIRECTORY',
      says: ['points.bin', 'directory'],
    },
    {
      what: 'with a misspelt option',
      make: flat,
      options: { ofset: 0 },
      error: 'TypeError',
      says: ["openFlatFile has no option 'ofset': did you mean 'offset'?"],
    },
  ]
  test.each(rows)('$what', row => {
    const path = row.make()
    for (const backend of ['mapped', 'file'] as const) {
      refuses(dirname(path), row, () => openFlatFile(path, Point, { backend, ...row.options }))
    }
  })
})

describe('a record is not taken', () => {
  const values: readonly { readonly change: object; readonly says: readonly string[] }[] = [
    { change: { symbol: 'ABCDEFGHI' }, says: ["'symbol'", '9 bytes', 'has 8'] },
    { change: { name: 'é'.repeat(17) }, says: ["'name'", '34 bytes', 'has 32'] },
    { change: { note: 'a\0b' }, says: ["'note'", 'padded with NUL', '"a\\u0000b"'] },
    { change: { note: 'a\ud800' }, says: ["'note'", 'half of a surrogate pair'] },
    { change: { id: 2 ** 32 }, says: ["'id'", 'u32 reaches up to 4294967295', '4294967296'] },
    { change: { qty: -1 }, says: ["'qty'", 'u32 reaches down to 0', '-1'] },
    { change: { flags: 1.5 }, says: ["'flags'", 'integer', '1.5'] },
    { change: { price: Number.NaN }, says: ["'price'", 'finite', 'NaN'] },
    { change: { prise: 1 }, says: ["'prise'", 'no such key'] },
    { change: { price: undefined }, says: ["'price'", 'missing'] },
  ]
  test.each(values)('with $change, and says so with its place', ({ change, says }) => {
    const path = filled()
    using store = openStore(path, Trade)
    const bad = { ...trade(99), ...change } as unknown as TradeRecord
    const batch = Array.from({ length: 10 }, (_, i) => (i === 7 ? bad : trade(i)))
    const refused = (place: string): Refused => ({
      what: '',
      error: 'ERR_STRIDE_RECORD',
      says: [place, ...says],
    })
    refuses(dirname(path), refused(''), () => store.append(bad))
    expect(refuses(dirname(path), refused('Record 3:'), () => store.put(3, bad)).recordNumber).toBe(3)
    const many = refuses(dirname(path), refused('Record 7 of the batch:'), () => store.appendMany(batch))
    expect(many.batchIndex).toBe(7)
    expect([store.size, store.stats().stagedRecords]).toEqual([10, 0])
    store.commitSync()
    expect([...store]).toEqual(Array.from({ length: 10 }, (_, i) => trade(i)))
  })

  test('with an unknown key beside a field that is not enumerable, which has as many keys as the schema', () => {
    const path = filled()
    using store = openStore(path, Point, { backend: 'memory' })
    const sly = Object.defineProperty({ tag: 1, unknown: 1 }, 'x', { value: 5 }) as unknown as {
      x: number
      tag: number
    }
    refuses(dirname(path), { what: '', error: 'ERR_STRIDE_RECORD', says: ["'unknown'", 'no such key'] }, () =>
      store.append(sly),
    )
    const plain = Object.defineProperty({ tag: 1 }, 'x', { value: 5 }) as unknown as { x: number; tag: number }
    expect(store.get(store.append(plain))).toEqual({ x: 5, tag: 1 })
  })

  test.each([
    { n: -1, error: 'RangeError', says: 'whole number from 0: -' },
    { n: 0.5, error: 'RangeError', says: 'whole number from 0: 0.5' },
    { n: '3', error: 'TypeError', says: 'a number: string 3' },
    { n: 10, error: 'ERR_STRIDE_NO_RECORD', says: 'no record 10 in' },
    { n: 4, error: 'ERR_STRIDE_NO_RECORD', says: 'no record 4 in' },
  ])('under the number $n', ({ n, error, says }) => {
    const path = filled()
    using store = openStore(path, Trade)
    store.delete(4)
    store.commitSync()
    for (const call of [
      () => store.put(n as number, trade(1)),
      () => store.update(n as number, { qty: 1 }),
      () => store.field(n as number, 'qty'),
      () => store.gather('qty', [n === -1 ? -2 : (n as number)]),
    ]) {
      refuses(dirname(path), { what: '', error, says: [says] }, call)
    }
  })
})

describe('a list of record numbers', () => {
  const list = (change: (numbers: number[], i: number) => void): number[] => {
    const numbers = [1, 2, 3, 4, 5, 6]
    for (const i of [1, 2, 3, 4]) change(numbers, i)
    return numbers
  }
  const wide = (): string => {
    const path = join(temporaryFolder(), 'wide.bin')
    const bytes = Buffer.alloc(100_000 * 8)
    for (let i = 0; i < 100_000; i++) bytes.writeUInt32LE(i, i * 8)
    writeFileSync(path, bytes)
    return path
  }
  const Wide = z.object({ n: z.uint32(), text: ascii(4) })

  test('may have getters that make windows slide: they are read before any window is looked at', () => {
    using file = openFlatFile(wide(), Wide, {
      backend: 'mapped',
      windowBytes: 65_536,
      maxMappedBytes: 3 * 80_000,
    })
    const sliding = list((numbers, i) => {
      Object.defineProperty(numbers, i, {
        get() {
          for (let k = 0; k < 10; k++) file.get(90_000 - k * 9000)
          return i + 1
        },
      })
    })
    expect([...file.gather('n', sliding)]).toEqual([1, 2, 3, 4, 5, 6])
    expect(file.getMany(sliding).map(record => record?.n)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('may have getters that close the file: the call throws and answers nothing', () => {
    for (const read of [
      (file: ReturnType<typeof openWide>, numbers: number[]) => file.gather('n', numbers),
      (file: ReturnType<typeof openWide>, numbers: number[]) => file.getMany(numbers),
    ]) {
      const file = openWide()
      const closing = list((numbers, i) => {
        Object.defineProperty(numbers, i, {
          get() {
            file.close()
            return i
          },
        })
      })
      expect(failureOf(() => read(file, closing))).toMatchObject({ code: 'ERR_STRIDE_CLOSED' })
    }
  })
  const openWide = () => openFlatFile(wide(), Wide, { backend: 'mapped' })

  test.each([
    ['a DataView', new DataView(new ArrayBuffer(8)), 'a DataView'],
    ['a text', 'abc', "'abc'"],
    ['null', null, 'null'],
    ['a list with a text', [1, '2'], 'string 2 at position 1'],
    ['a list with a gap', [1, undefined, 2], 'undefined undefined at position 1'],
    ['something as long as nothing is', { length: 2 ** 53 }, 'length 9007199254740992'],
    ['64-bit numbers', BigInt64Array.of(1n), 'bigint 1'],
  ])('that is %s is refused', (_, numbers, says) => {
    using file = openWide()
    for (const call of [() => file.gather('n', numbers as number[]), () => file.getMany(numbers as number[])]) {
      const failure = failureOf(call)
      expect(failure).toBeInstanceOf(TypeError)
      expect(failure.message).toContain(says)
    }
  })
})

test.each(['mapped', 'file'])('a flat file shortened while it is open is named, backend %s', backend => {
  const path = join(temporaryFolder(), 'points.bin')
  writeFileSync(path, new Uint8Array(9 * 100_000).fill(1))
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [
      childScript(`import { truncateSync } from 'node:fs'
       import { openFlatFile, u8 } from 'src/index.ts'
       import { z } from 'zod'
       const [path, backend] = process.argv.slice(2)
       const file = openFlatFile(path, z.object({ x: z.float64(), tag: u8() }), { backend })
       file.field(99_000, 'tag')
       const row = file.row(99_001)
       truncateSync(path, 450_000)
       await new Promise(resolve => setImmediate(resolve))
       for (const call of [() => file.field(99_000, 'tag'), () => row.tag, () => file.gather('tag'), () => file.getMany([1, 2]), () => [...file]]) {
         try { call(); console.log('nothing') } catch (error) { console.log(error.code, error.message) }
       }`),
      path,
      backend,
    ],
    { encoding: 'utf8' },
  )
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  const lines = stdout.trim().split('\n')
  expect(lines).toHaveLength(5)
  for (const line of lines) {
    expect(line).toMatch(/^ERR_STRIDE_TRUNCATED .*points\.bin.* 450000 /)
    expect(line).toContain('900000')
  }
  expect(statSync(path).size).toBe(450_000)
})

function truncated(path: string, size: number): string {
  truncateSync(path, size)
  return path
}

function folderAt(name: string): string {
  const path = join(temporaryFolder(), name)
  mkdirSync(path)
  return path
}
