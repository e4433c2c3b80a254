/**
 * What could go wrong when bytes are split into rows and cells: a quote, a line end or a delimiter on the edge of a chunk, a cell that
 * another reader of CSV sees differently, a malformed row that swallows the next one, a row without an end that fills the memory.
 *
 * csv-parse is the reference.
 */

import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RowSplitter } from '../../src/transfer/csv/row-splitter.ts'
import { propertyOptions } from '../property.ts'

const COMMA = { delimiter: 44, quote: 34 }

interface Split {
  readonly rows: string[][]
  readonly malformed: (string | undefined)[]
  readonly lines: number[]
}

/** Splits a text that arrives in chunks of the given sizes. */
function split(
  text: string | Buffer,
  sizes: readonly number[] = [],
  dialect = COMMA,
  rowBytesMax = 2 ** 20,
): Split {
  const bytes = Buffer.from(text as string)
  const splitter = new RowSplitter(dialect, rowBytesMax)
  const found: Split = { rows: [], malformed: [], lines: [] }
  const take = (): void => {
    while (splitter.next()) {
      if (splitter.isEmptyLine) continue
      found.rows.push(Array.from({ length: splitter.count }, (_, i) => splitter.cell(i).toString()))
      found.malformed.push(splitter.malformed)
      found.lines.push(splitter.line)
    }
  }
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] as number)
    splitter.push(bytes.subarray(at, at + size))
    at += size
    take()
  }
  splitter.finish()
  take()
  expect(splitter.position).toBe(bytes.length)
  return found
}

const cell = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', ',', ';', '"', '\n', '\r', '\r\n', '\0', 'é', '\u{1f600}'),
  maxLength: 6,
})
const lineEnd = fc.constantFrom('\n', '\r\n')
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

const written = (text: string, always: boolean): string =>
  always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text

describe('rows and cells are those that csv-parse finds', () => {
  test('in well-formed text, whatever its chunks', () => {
    const rows = fc.integer({ min: 2, max: 4 }).chain(width =>
      fc.array(fc.array(fc.tuple(cell, fc.boolean()), { minLength: width, maxLength: width }), {
        maxLength: 6,
      }),
    )
    fc.assert(
      fc.property(rows, lineEnd, fc.boolean(), sizes, (records, end, endsWithLine, chunks) => {
        const text = records.map(record => record.map(([value, q]) => written(value, q)).join(',')).join(end)
        const file = endsWithLine && records.length > 0 ? text + end : text
        const expected = parse(file, { skip_empty_lines: true, relax_column_count: true }) as string[][]
        const found = split(file, chunks)
        expect(found.rows).toEqual(expected)
        expect(found.malformed.every(reason => reason === undefined)).toBe(true)
      }),
      propertyOptions(1000),
    )
  })

  test('in any text: what csv-parse refuses is malformed, and everything else is equal', () => {
    // A lone CR ends a row here, and none for csv-parse in a file of LF.
    const anyText = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' '), maxLength: 14 })
    fc.assert(
      fc.property(anyText, sizes, (file, chunks) => {
        const found = split(file, chunks)
        let expected: string[][] | undefined
        try {
          expected = parse(file, { skip_empty_lines: true, relax_column_count: true, record_delimiter: '\n' })
        } catch {
          expected = undefined
        }
        if (expected === undefined) expect(found.malformed.some(reason => reason !== undefined)).toBe(true)
        else expect(found).toMatchObject({ rows: expected, malformed: expected.map(() => undefined) })
        expect(found).toEqual(split(file))
      }),
      propertyOptions(2000),
    )
  })

  test('with other delimiters and without quotes', () => {
    expect(split('a;"b;c"\n1;2', [2], { delimiter: 59, quote: 34 }).rows).toEqual([
      ['a', 'b;c'],
      ['1', '2'],
    ])
    expect(split('a\t"b"\n', [], { delimiter: 9, quote: -1 }).rows).toEqual([['a', '"b"']])
  })
})

describe('line ends and lines', () => {
  test.each(['\n', '\r\n', '\r'])('%j ends a row, wherever a chunk ends', end => {
    const file = ['a,b', '"x', 'y",2', '3,4'].join(end)
    for (const size of [1, 2, 3, 100]) {
      const { rows, lines } = split(file, [size])
      expect(rows).toEqual([
        ['a', 'b'],
        [`x${end}y`, '2'],
        ['3', '4'],
      ])
      expect(lines).toEqual([1, 2, 4])
    }
  })

  test('an empty line is told, and NUL bytes are text', () => {
    expect(split('a,b\n\n\0,c\n').rows).toEqual([
      ['a', 'b'],
      ['\0', 'c'],
    ])
  })
})

describe('malformed rows', () => {
  test('end where they would otherwise, and the next row is whole', () => {
    const { rows, malformed } = split('a"b,c\n"x"y,z\n1,2\n', [1])
    expect(rows.at(-1)).toEqual(['1', '2'])
    expect(malformed).toEqual([
      'there is a quote inside a cell that does not begin with one',
      'there is text behind a closing quote',
      undefined,
    ])
  })

  test('a quote that is never closed is told at the end', () => {
    expect(split('1,2\n"a,b\nc', [3]).malformed).toEqual([undefined, 'a quote is not closed'])
  })

  test('a row that is too long is refused once, and memory stays bounded', () => {
    const long = `${'x'.repeat(5_000_000)},1`
    const splitter = new RowSplitter(COMMA, 10_000)
    const found: (string | undefined)[] = []
    const bytes = Buffer.from(`a,b\n${long}\n${'"'.repeat(3)}${long}"\r\n5,6\n`)
    for (let at = 0; at < bytes.length; at += 4096) {
      splitter.push(bytes.subarray(at, at + 4096))
      while (splitter.next()) found.push(splitter.malformed ?? splitter.row.toString())
    }
    expect(found).toEqual([
      'a,b',
      'it is longer than rowBytesMax, 10000 bytes',
      'it is longer than rowBytesMax, 10000 bytes: is a quote not closed?',
      '5,6',
    ])
    expect(splitter.bytes.length).toBeLessThan(100_000)
  })
})

test('10,000 columns are 10,000 cells', () => {
  const row = Array.from({ length: 10_000 }, (_, i) => String(i))
  expect(split(`${row.join(',')}\n`, [777]).rows).toEqual([row])
})
