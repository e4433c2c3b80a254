/**
 * What could go wrong when a CSV file is imported: a value that is rounded, cut or read in another locale, a null that becomes zero, a
 * row that shifts its columns, a bad row that is taken or stops too late, half an import after a failure, bytes that depend on chunks.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { parse } from 'csv-parse/sync'
import { ascii, openStore, StrideError, u8, u16, utf8 } from 'stridedb'
import { type CsvImportOptions, type ImportProgress, importCsv } from 'stridedb/transfer'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { temporaryFolder } from '../engine/support.ts'
import { memoryStore } from './support.ts'

const Item = z.object({ id: z.uint32(), name: utf8(12), price: z.nullable(z.float64()) })

async function imported<S extends z.ZodType>(schema: S, text: string | Buffer, options?: CsvImportOptions) {
  const store = memoryStore(schema)
  const report = await importCsv(store, Buffer.from(text as string), options)
  return { records: [...store], report, store }
}

async function refusal(work: Promise<unknown>): Promise<StrideError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StrideError)) throw new Error(`no StrideError: ${String(error)}`)
  return error
}

/** One column of text cells as values of a field. */
async function values(
  field: z.ZodType,
  cells: readonly string[],
  options?: CsvImportOptions,
): Promise<unknown[]> {
  const { records } = await imported(
    z.object({ v: field }),
    `v\n${cells.map(cell => `${cell}\n`).join('')}`,
    options,
  )
  return (records as { v: unknown }[]).map(({ v }) => v)
}

describe('cells become values', () => {
  test('numbers, as JavaScript reads them', async () => {
    const spellings = [
      '0',
      '-0',
      '1.5',
      '+2',
      '.5',
      '5.',
      '1e3',
      '-1.25E-2',
      '0.1',
      '123456789.123456789',
      '9007199254740993',
    ]
    expect(await values(z.float64(), spellings)).toEqual(spellings.map(Number))
    const tiny = [
      '4.35',
      '0.000001',
      '2.2250738585072014e-308',
      '5e-324',
      '179769313486231570000000000000000000000',
    ]
    expect(await values(z.float64(), tiny)).toEqual(tiny.map(Number))
    expect(await values(u8(), ['0', '255', '007', '5.0', '1e2'])).toEqual([0, 255, 7, 5, 100])
    expect(await values(z.int64(), ['-9223372036854775808', '+5'])).toEqual([-(2n ** 63n), 5n])
  })

  test('a decimal comma, with which a point is no number', async () => {
    expect(await values(z.float64(), ['1,5', '-0,25'], { decimal: ',', delimiter: ';' })).toEqual([1.5, -0.25])
    const bad = values(z.float64(), ['1.000,5'], { decimal: ',', delimiter: ';' })
    expect((await refusal(bad)).message).toBe("line 2: the field 'v' does not fit: '1.000,5' is not a number")
  })

  test('dates in each format, as UTC where no zone is written', async () => {
    const days = ['2024-02-29', '2024-02-29T12:30:15Z', '2024-02-29 12:30:15.250', '2024-02-29T12:30+02:00']
    expect((await values(z.date(), days)).map(at => (at as Date).toISOString())).toEqual([
      '2024-02-29T00:00:00.000Z',
      '2024-02-29T12:30:15.000Z',
      '2024-02-29T12:30:15.250Z',
      '2024-02-29T10:30:00.000Z',
    ])
    const one = async (cell: string, dates: CsvImportOptions['dates']) =>
      ((await values(z.date(), [cell], { dates }))[0] as Date).toISOString()
    expect(await one('5.2.2024 7:08', 'dmy')).toBe('2024-02-05T07:08:00.000Z')
    expect(await one('5/2/2024', 'mdy')).toBe('2024-05-02T00:00:00.000Z')
    expect(await one('1700000000.25', 'unix')).toBe('2023-11-14T22:13:20.250Z')
    expect(await one('-1', 'unixMs')).toBe('1969-12-31T23:59:59.999Z')
    expect(await one('-000001-01-01T00:00:00Z', 'iso')).toBe('-000001-01-01T00:00:00.000Z')
  })

  test.each([
    ['2023-02-29', z.date(), 'is not a time (iso)'],
    ['2024-01-01T00:00:00.0001', z.date(), 'is not a time (iso)'],
    ['2024-13-01', z.date(), 'is not a time (iso)'],
    ['0x10', u8(), 'is not a number'],
    ['256', u8(), 'u8 reaches up to 255, got 256'],
    ['1.5', u8(), 'expected an integer, got 1.5'],
    ['1e999', z.float64(), 'expected a finite number'],
    ['9007199254740993', z.int(), ''],
    ['maybe', z.boolean(), 'is not true or false'],
    ['blue', z.enum(['red']), 'is not one of its values'],
    ['toolong', ascii(3), 'the text takes 7 bytes, the field has 3'],
    ['é', ascii(3), 'ascii has no such character'],
  ])('%s is refused for its field', async (cell, field, reason) => {
    const error = await refusal(values(field, [cell]))
    expect(error.code).toBe('ERR_STRIDE_SOURCE')
    expect(error).toMatchObject({ line: 2, field: 'v' })
    expect(error.message).toContain(reason)
  })

  test('null words are null, empty text or missing, and quoted cells are never null', async () => {
    const Row = z.object({
      n: z.nullable(u8()),
      t: utf8(4),
      m: z.nullable(utf8(4)),
      o: z.optional(u8()),
      d: z._default(u8(), 7),
    })
    const { records } = await imported(Row, 'n,t,m,o,d\n,,,,\n1,"",""  ,2,3\n'.replace('""  ', '""'))
    expect(records).toEqual([
      { n: null, t: '', m: null, o: undefined, d: 7 },
      { n: 1, t: '', m: '', o: 2, d: 3 },
    ])
    const words = await imported(Row, 'n,t,m,o,d\nNA,NA,\\N,NA,NA\n1,"NA","\\N",2,3\n', {
      nulls: ['NA', '\\N'],
      onBad: 'reject',
    })
    expect(words.records).toEqual([{ n: 1, t: 'NA', m: '\\N', o: 2, d: 3 }])
    expect(words.report.firstRejected).toEqual([{ line: 2, field: 't', reason: 'it is empty' }])
  })

  test('text is UTF-8 or what `encoding` says, and bytes that are neither are refused', async () => {
    expect(await values(utf8(8), ['é€'])).toEqual(['é€'])
    const latin = await imported(z.object({ v: utf8(8) }), Buffer.from('v\né\n', 'latin1'), {
      encoding: 'latin1',
    })
    expect(latin.records).toEqual([{ v: 'é' }])
    const bad = imported(z.object({ v: utf8(8) }), Buffer.from('v\né\n', 'latin1'))
    expect((await refusal(bad)).message).toContain('its text is not UTF-8')
  })

  test('refinements of the schema are asked', async () => {
    const Even = z.object({ n: u8().refine(n => n % 2 === 0, 'must be even') })
    const { records, report } = await imported(Even, 'n\n2\n3\n4\n', { onBad: 'reject' })
    expect(records).toEqual([{ n: 2 }, { n: 4 }])
    expect(report.firstRejected).toEqual([{ line: 3, field: 'n', reason: 'must be even' }])
  })
})

describe('columns', () => {
  test('are found by name in any order, renamed and left out', async () => {
    const { records } = await imported(Item, 'Preis,x,id,name\n1.5,?,7,a\n', {
      columns: { Preis: 'price', x: null },
    })
    expect(records).toEqual([{ id: 7, name: 'a', price: 1.5 }])
  })

  test('are given by position, with and without a header', async () => {
    const expected = [{ id: 7, name: 'a', price: 1.5 }]
    expect((await imported(Item, '7,a,1.5\n', { header: false })).records).toEqual(expected)
    expect(
      (await imported(Item, 'a,1.5,7', { header: false, columns: ['name', 'price', 'id'] })).records,
    ).toEqual(expected)
    expect(
      (await imported(Item, 'A,B,C,D\na,1.5,?,7', { columns: ['name', 'price', null, 'id'] })).records,
    ).toEqual(expected)
  })

  test.each([
    ['id,nam,price\n', {}, "no field is called 'nam': did you mean 'name'?"],
    ['id,id,name,price\n', {}, "two columns are called 'id'"],
    ['id,price\n', {}, "there is no column for the field 'name'"],
    ['id,name\n', { columns: { nmae: 'name' } }, "no column is called 'nmae': did you mean 'name'?"],
    ['', {}, 'The source has no header'],
    ['id,"name\n', {}, 'The header is malformed: a quote is not closed'],
  ])('%j is refused before a row is read', async (text, options, message) => {
    const error = await refusal(imported(Item, text, options))
    expect(error.code).toBe('ERR_STRIDE_SOURCE')
    expect(error.message).toContain(message)
  })

  test('of nested fields have dotted names; an object that may be null is null if all its cells are', async () => {
    const Place = z.object({
      at: z.nullable(z.object({ x: u8(), y: z.nullable(u8()) })),
      list: z.array(u8()).length(2),
    })
    const { records, report } = await imported(
      Place,
      'at.x,at.y,list.0,list.1\n1,2,3,4\n1,,3,4\n,,3,4\n,2,3,4\n',
      { onBad: 'reject' },
    )
    expect(records).toEqual([
      { at: { x: 1, y: 2 }, list: [3, 4] },
      { at: { x: 1, y: null }, list: [3, 4] },
      { at: null, list: [3, 4] },
    ])
    expect(report.firstRejected).toEqual([{ line: 5, field: 'at.x', reason: 'it is empty' }])
  })

  test('cannot be had for a union, which is refused by name', async () => {
    const kind = <K extends string>(name: K) => z.object({ kind: z.literal(name), v: u8() })
    const Either = z.object({ u: z.discriminatedUnion('kind', [kind('a'), kind('b')]) })
    expect((await refusal(imported(Either, 'u\n'))).message).toContain("no columns for the union 'u'")
  })
})

describe('files', () => {
  test('may have a mark, CR LF, tabs, quotes and line ends in cells', async () => {
    const text = '\ufeffid\tname\tprice\r\n1\t"a\tb\r\n"\t2\r\n'
    expect((await imported(Item, text, { delimiter: '\t' })).records).toEqual([
      { id: 1, name: 'a\tb\r\n', price: 2 },
    ])
  })

  test.each(['utf16le', 'utf16le with mark', 'big-endian with mark'])(
    'in %s are refused by name',
    async encoding => {
      const text = Buffer.from(`${encoding.includes('mark') ? '\ufeff' : ''}id,name,price\n1,a,2\n`, 'utf16le')
      const error = await refusal(imported(Item, encoding.startsWith('big') ? text.swap16() : text))
      expect(error.message).toContain('UTF-16')
    },
  )

  test('with lines in front of the header, and a header that stands there again', async () => {
    const text = '# made by hand\n\nid,name,price\n1,a,2\nid,name,price\n2,b,3\n'
    const { records, report } = await imported(Item, text, { skipLines: 1, onBad: 'reject' })
    expect(records).toHaveLength(2)
    expect(report.firstRejected).toEqual([{ line: 5, field: '', reason: 'the header stands here once more' }])
  })

  test('with ragged rows: bad, or filled and cut', async () => {
    const text = 'id,name,price\n1,a\n2,b,3,4\n'
    expect((await imported(Item, text, { onBad: 'reject' })).report.firstRejected).toEqual([
      { line: 2, field: '', reason: 'it has 2 cells, and there are 3 columns' },
      { line: 3, field: '', reason: 'it has 4 cells, and there are 3 columns' },
    ])
    expect((await imported(Item, text, { ragged: 'fill' })).records).toEqual([
      { id: 1, name: 'a', price: null },
      { id: 2, name: 'b', price: 3 },
    ])
  })

  test('arrive as a path, bytes, texts, a stream of Node or a web stream, in any chunks', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => `${i},"n ""${i}""",${i / 4}`)
    const text = `id,name,price\n${lines.join('\n')}`
    const path = join(temporaryFolder(), 'items.csv')
    writeFileSync(path, text)
    const parts = text.match(/[\s\S]{1,7}/g) as string[]
    const sources = {
      path,
      bytes: new Uint8Array(Buffer.from(text)),
      texts: parts,
      node: Readable.from(parts.map(part => Buffer.from(part))),
      web: new Blob(parts).stream() as ReadableStream<Uint8Array>,
    }
    const expected = (parse(text, { columns: true }) as Record<string, string>[]).map(row => ({
      id: Number(row['id']),
      name: row['name'],
      price: Number(row['price']),
    }))
    for (const [kind, source] of Object.entries(sources)) {
      const store = memoryStore(Item)
      await importCsv(store, source)
      expect([...store], kind).toEqual(expected)
    }
    for (const wrong of [5, null, {}, '', [5]]) {
      await expect(importCsv(memoryStore(Item), wrong as never)).rejects.toThrow(TypeError)
    }
    await expect(importCsv({} as never, path)).rejects.toThrow('importCsv takes a store that openStore opened')
    expect((await refusal(importCsv(memoryStore(Item), `${path}x`))).code).toBe('ERR_STRIDE_NOT_FOUND')
  })
})

describe('bad rows', () => {
  const text = 'id,name,price\n1,a,2\nx,b,3\n3,"c,d",y\n4,e,5\n'

  test('stop the import, which leaves nothing', async () => {
    const store = memoryStore(Item)
    const error = await refusal(importCsv(store, Buffer.from(text)))
    expect(error).toMatchObject({ line: 3, field: 'id' })
    expect([store.count, store.commitNumber]).toEqual([0, 0])
    store.append({ id: 1, name: '', price: null })
  })

  test('go to a reject file, which is a CSV file itself', async () => {
    const rejects = join(temporaryFolder(), 'bad.csv')
    const { report, records } = await imported(Item, text, { onBad: 'reject', rejects })
    expect(records.map(({ id }) => id)).toEqual([1, 4])
    expect(report).toMatchObject({ rows: 4, imported: 2, rejected: 2, commitNumber: 1 })
    expect(parse(readFileSync(rejects), { columns: true })).toEqual([
      { line: '3', field: 'id', reason: "'x' is not a number", row: 'x,b,3' },
      { line: '4', field: 'price', reason: "'y' is not a number", row: '3,"c,d",y' },
    ])
    expect((await refusal(imported(Item, text, { onBad: 'reject', rejects }))).code).toBe('ERR_STRIDE_EXISTS')
    await imported(Item, 'id,name,price\n', { onBad: 'reject', rejects, overwrite: true })
    expect(readFileSync(rejects, 'utf8')).toBe('line,field,reason,row\n')
  })

  test('are too many at one more than `rejectedMax`', async () => {
    expect((await refusal(imported(Item, text, { onBad: 'reject', rejectedMax: 1 }))).message).toContain(
      "line 4: the field 'price' does not fit: 'y' is not a number (more than 1 rows are bad)",
    )
  })

  test('are those with the unique key of another record, unless `upsert` replaces it', async () => {
    const keyed = () => memoryStore(Item, { byId: { on: 'id', unique: true } })
    const twice = Buffer.from('id,name,price\n1,a,1\n1,b,2\n2,c,3\n')
    const stopped = await refusal(importCsv(keyed(), twice))
    expect([stopped.code, stopped.line]).toEqual(['ERR_STRIDE_DUPLICATE_KEY', 3])
    const store = keyed()
    expect(await importCsv(store, twice, { onBad: 'reject' })).toMatchObject({ imported: 2, rejected: 1 })
    expect(await importCsv(store, twice, { upsert: 'byId' })).toMatchObject({ imported: 0, updated: 3 })
    expect([...store].map(({ name }) => name)).toEqual(['b', 'c'])
    await expect(importCsv(store, twice, { upsert: 'byName' })).rejects.toThrow(RangeError)
  })
})

describe('batches, progress and other work of the store', () => {
  const rows = (count: number): Buffer =>
    Buffer.from(`id,name,price\n${Array.from({ length: count }, (_, i) => `${i},n${i},\n`).join('')}`)

  test('each batch is a commit, and what was committed stays when a later row is bad', async () => {
    const store = memoryStore(Item)
    const seen: ImportProgress[] = []
    const text = Buffer.concat([rows(25), Buffer.from('bad,x,\n')])
    await refusal(importCsv(store, text, { batch: 10, progress: each => seen.push(each) }))
    expect([store.count, store.commitNumber]).toEqual([20, 2])
  })

  test('progress ends with everything committed, and a throw in it ends the import', async () => {
    const store = memoryStore(Item)
    const seen: ImportProgress[] = []
    const source = rows(50)
    const report = await importCsv(store, source, { batch: 20, progress: each => seen.push(each) })
    expect(report).toMatchObject({
      rows: 50,
      imported: 50,
      bytes: source.length,
      commitNumber: 3,
      resumedRows: 0,
    })
    expect(seen.at(-1)).toMatchObject({
      rows: 50,
      committedRows: 50,
      bytes: source.length,
      totalBytes: source.length,
    })
    const throwing = importCsv(store, source, {
      progress() {
        throw new Error('enough')
      },
    })
    await expect(throwing).rejects.toThrow('enough')
    expect(store.count).toBe(50)
  })

  test('a signal ends it with its reason, before it begins and amid it', async () => {
    const store = memoryStore(Item)
    await expect(importCsv(store, rows(3), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    )
    const controller = new AbortController()
    async function* endless() {
      yield 'id,name,price\n'
      for (let i = 0; ; i++) {
        yield `${i},x,\n`
        if (i === 5000) controller.abort(new Error('stop'))
      }
    }
    await expect(importCsv(store, endless(), { signal: controller.signal })).rejects.toThrow('stop')
    expect(store.count).toBe(0)
  })

  test('changes by others are refused meanwhile, reads go on, and closing ends it', async () => {
    const store = openStore(join(temporaryFolder(), 'a.stride'), Item)
    const codes: unknown[] = []
    async function* source() {
      yield 'id,name,price\n1,a,\n'
      codes.push(
        (await refusal(Promise.resolve().then(() => store.append({ id: 9, name: '', price: 0 })))).code,
      )
      codes.push((await refusal(importCsv(store, rows(1)))).code, store.get(5))
      yield '2,b,\n'
      void store.closeAsync()
      yield '3,c,\n'
    }
    expect((await refusal(importCsv(store, source()))).code).toBe('ERR_STRIDE_CLOSED')
    expect(codes).toEqual(['ERR_STRIDE_BUSY', 'ERR_STRIDE_BUSY', undefined])
    await store.closeAsync()
    const again = openStore(store.path, Item)
    expect(again.count).toBe(0)
    again.append({ id: 1, name: 'x', price: null })
    expect((await refusal(importCsv(again, rows(1)))).code).toBe('ERR_STRIDE_TRANSACTION')
    again.rollback()
    again.close()
    const reader = openStore(store.path, Item, { readOnly: true })
    expect((await refusal(importCsv(reader, rows(1)))).code).toBe('ERR_STRIDE_READ_ONLY')
    reader.close()
  })

  test('a store that is written by turns imports within one turn', async () => {
    const path = join(temporaryFolder(), 'turns.stride')
    const store = openStore(path, Item, { lock: 'transaction' })
    expect(await importCsv(store, rows(30), { batch: 10 })).toMatchObject({ imported: 30 })
    expect(store.count).toBe(30)
    await store.closeAsync()
  })

  test('a hundred thousand rows are in the file, with indexes that find them', async () => {
    const store = openStore(join(temporaryFolder(), 'big.stride'), Item, {
      indexes: { byId: { on: 'id', unique: true } },
    })
    await importCsv(store, rows(100_000))
    expect([store.count, store.index('byId').field(77_777, 'name')]).toEqual([100_000, 'n77777'])
    expect((await store.verify()).findings).toEqual([])
    store.close()
  })
})

describe('an import that goes on', () => {
  const Row = z.object({ n: u16() })
  const text = `n\n${Array.from({ length: 95 }, (_, i) => (i % 10 === 7 ? 'bad\n' : `${i}\n`)).join('')}`

  test('takes up behind the last commit, in the reject file as well', async () => {
    const folder = temporaryFolder()
    const [path, resume, rejects] = ['n.csv', 'n.resume', 'n.bad'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(path, text)
    const store = memoryStore(Row)
    const options = { batch: 20, onBad: 'reject', resume, rejects } as const
    const stopping = importCsv(store, path, {
      ...options,
      rejectedMax: 4,
    })
    expect((await refusal(stopping)).line).toBe(49)
    expect(store.count).toBe(36)
    expect(await importCsv(store, path, options)).toMatchObject({
      rows: 95,
      imported: 86,
      rejected: 9,
      resumedRows: 40,
    })
    expect([...store].map(({ n }) => n)).toEqual(
      Array.from({ length: 95 }, (_, i) => i).filter(i => i % 10 !== 7),
    )
    expect(parse(readFileSync(rejects), { columns: true })).toHaveLength(9)
    writeFileSync(path, `${text}500\n`)
    expect(await importCsv(store, path, options)).toMatchObject({ rows: 96, imported: 87, resumedRows: 95 })
    expect(existsSync(`${resume}-next`)).toBe(false)
  })

  test('is refused where the resume file belongs to something else', async () => {
    const folder = temporaryFolder()
    const resume = join(folder, 'n.resume')
    const store = memoryStore(Row)
    await importCsv(store, Buffer.from(text), { batch: 20, onBad: 'reject', resume })
    const path = join(folder, 'n.csv')
    writeFileSync(path, text)
    const attempts = {
      'another source': refusal(importCsv(store, path, { resume })),
      'an older store': refusal(importCsv(memoryStore(Row), Buffer.from(text), { resume })),
      'another layout': refusal(importCsv(memoryStore(Item), Buffer.from('id,name,price\n'), { resume })),
    }
    for (const [name, error] of Object.entries(attempts))
      expect((await error).code, name).toBe('ERR_STRIDE_RESUME')
    writeFileSync(resume, 'something else')
    expect((await refusal(importCsv(store, Buffer.from(text), { resume }))).code).toBe('ERR_STRIDE_RESUME')
  })
})
