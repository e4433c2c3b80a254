/**
 * What could go wrong when records are written as CSV: a value that does not come back, a text that breaks its row, an empty text that
 * becomes null, a file that is half there, one that is replaced unasked, records of two commits, a stream that is closed early.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { openStore, u8, utf8 } from 'stridedb'
import { type CsvExportOptions, exportCsv, importCsv } from 'stridedb/transfer'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOfAsync, temporaryFolder } from '../engine/support.ts'
import { propertyOptions } from '../property.ts'
import { everything } from './records.ts'
import { Everything, memoryStore } from './support.ts'

const Item = z.object({ id: z.uint32(), name: utf8(12), price: z.nullable(z.float64()) })

type Dialect = Pick<CsvExportOptions, 'header' | 'delimiter' | 'quote' | 'decimal' | 'bytes' | 'lineEnd'>

function items(count: number) {
  const store = memoryStore(Item)
  store.appendMany(
    Array.from({ length: count }, (_, i) => ({ id: i, name: `n,"${i}"`, price: i % 3 === 0 ? null : i / 8 })),
  )
  store.commitSync()
  return store
}

async function written(records: Parameters<typeof exportCsv>[0], options?: CsvExportOptions): Promise<string> {
  const path = join(temporaryFolder(), 'out.csv')
  await exportCsv(records, path, options)
  return readFileSync(path, 'utf8')
}

describe('records come back', () => {
  test('of every kind, in every dialect', async () => {
    const dialects = fc.constantFrom<Dialect[]>(
      {},
      { delimiter: ';', decimal: ',', bytes: 'base64' },
      { delimiter: '\t', quote: "'", lineEnd: 'crlf' },
      { decimal: ',' },
      { header: false },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(everything, { maxLength: 4 }), dialects, async (records, dialect) => {
        const store = memoryStore(Everything)
        store.appendMany(records)
        store.commitSync()
        const chunks: Buffer[] = []
        const target = new Writable({
          write(chunk, _, done) {
            chunks.push(chunk)
            done()
          },
        })
        await exportCsv(store, target, dialect)
        const again = memoryStore(Everything)
        const { lineEnd: _, ...asWritten } = dialect
        await importCsv(again, Buffer.concat(chunks), asWritten)
        expect([...again]).toEqual([...store])
        store.close()
        again.close()
      }),
      propertyOptions(150),
    )
  })

  test('as csv-parse reads them', async () => {
    const text = await written(items(300))
    expect(parse(text, { columns: true })).toEqual(
      [...items(300)].map(({ id, name, price }) => ({
        id: String(id),
        name,
        price: price === null ? '' : String(price),
      })),
    )
  })

  test('floats have the fewest digits that mean them', async () => {
    const values = [
      0,
      -0,
      0.1,
      1 / 3,
      123.45,
      -7.5,
      1e21,
      1e-7,
      99_999_999.99,
      4.35,
      123456789012345,
      0.30000000000000004,
      5e-324,
    ]
    const store = memoryStore(z.object({ v: z.float64() }))
    store.appendMany(values.map(v => ({ v })))
    store.commitSync()
    const cells = (await written(store)).trim().split('\n').slice(1)
    expect(cells).toEqual(values.map(v => (Object.is(v, -0) ? '-0' : String(v))))
    expect(cells.map(Number)).toEqual(values)
  })
})

describe('what is written', () => {
  test('is chosen by fields and numbers', async () => {
    expect(await written(items(5), { fields: ['price', 'id'], numbers: [4, 1] })).toBe(
      'price,id\n0.5,4\n0.125,1\n',
    )
    expect(await codeOfAsync(written(items(5), { numbers: [7] }))).toBe('ERR_STRIDE_NO_RECORD')
    await expect(written(items(1), { fields: ['nam'] })).rejects.toThrow("did you mean 'name'?")
  })

  test('leaves out deleted and staged records, and is one commit while others go on', async () => {
    const store = openStore(join(temporaryFolder(), 'busy.stride'), z.object({ n: z.uint32(), flag: u8() }))
    store.appendMany(Array.from({ length: 100_000 }, (_, n) => ({ n, flag: 0 })))
    store.delete(5)
    store.commitSync()
    store.append({ n: 7, flag: 9 })
    let commits = 0
    const path = join(temporaryFolder(), 'busy.csv')
    const report = await exportCsv(store, path, {
      progress() {
        store.update(99_999 - commits, { flag: 1 })
        store.commitSync()
        commits++
      },
    })
    expect([report.records, commits > 1]).toEqual([99_999, true])
    const text = readFileSync(path, 'utf8')
    expect(report.bytes).toBe(text.length)
    expect(text.split('\n').filter(line => line.endsWith(',1') || line.endsWith(',9'))).toEqual([])
    expect(text).not.toContain('\n5,0\n')
    store.close()
  })

  test('is a header alone for a store without records', async () => {
    expect(await written(memoryStore(Item))).toBe('id,name,price\n')
  })
})

describe('the target', () => {
  test('is not replaced unasked, and appears whole or not at all', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'a.csv')
    writeFileSync(path, 'mine')
    const store = items(20_000)
    expect(await codeOfAsync(exportCsv(store, path).then(() => undefined))).toBe('ERR_STRIDE_EXISTS')
    expect(readFileSync(path, 'utf8')).toBe('mine')
    const controller = new AbortController()
    const aborted = exportCsv(store, join(folder, 'b.csv'), {
      signal: controller.signal,
      progress: () => controller.abort(new Error('enough')),
    })
    await expect(aborted).rejects.toThrow('enough')
    expect(readdirSync(folder)).toEqual(['a.csv'])
    await exportCsv(store, path, { overwrite: true })
    expect(readdirSync(folder)).toEqual(['a.csv'])
    expect(await codeOfAsync(exportCsv(store, join(folder, 'no/b.csv')).then(() => undefined))).toBe(
      'ERR_STRIDE_NOT_FOUND',
    )
    expect(existsSync(join(folder, 'no'))).toBe(false)
  })

  test('may be a stream, which is ended, and fails the export if it is closed early', async () => {
    const through = new PassThrough()
    const reading = through.toArray()
    await exportCsv(items(3), through)
    expect(
      Buffer.concat((await reading) as Buffer[])
        .toString()
        .split('\n'),
    ).toHaveLength(5)
    const closing = new PassThrough()
    closing.once('data', () => closing.destroy())
    await expect(exportCsv(items(100_000), closing)).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    })
    const chunks: Uint8Array[] = []
    await exportCsv(items(3), new WritableStream<Uint8Array>({ write: chunk => void chunks.push(chunk) }))
    expect(Buffer.concat(chunks).toString()).toBe(await written(items(3)))
    for (const wrong of [5, null, {}, ''])
      await expect(exportCsv(items(1), wrong as never)).rejects.toThrow(TypeError)
    await expect(exportCsv({} as never, new PassThrough())).rejects.toThrow('exportCsv takes a store')
  })
})
