/**
 * What could go wrong: docs/format.md says too little, or what is not so, of the kinds that files of other programs have. A store is
 * read here by that page alone, with node:fs and a DataView.
 */

import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ascii,
  bits,
  decimal,
  dosDate,
  dosDateTime,
  f16,
  field,
  filetime,
  guid,
  i24,
  i48,
  latin1,
  numberText,
  openStore,
  u24,
  u48,
  unixMs,
  unixSeconds,
  utf16be,
  utf16le,
  uuid,
} from 'stridedb'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { removeFolder } from '../remove-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'stridedb-page-'))
afterAll(() => removeFolder(folder))

interface Field {
  readonly name: string
  readonly type: string
  readonly offset: number
  readonly size: number
  readonly endian?: 'big'
  readonly nullable?: true
  readonly padding?: string
  readonly lenient?: true
  readonly of: string
  readonly digits: number
  readonly unit: string
  readonly shift: number
  readonly count: number
  readonly radix: number
  readonly tag: string
  readonly values: readonly unknown[]
  readonly codes: readonly number[]
  readonly fields: readonly Field[]
  readonly variants: readonly Field[]
}

/** An integer of any width, two's complement. */
function integer(bytes: Uint8Array, isBig: boolean, isSigned: boolean): bigint {
  let value = 0n
  for (const byte of isBig ? bytes : bytes.toReversed()) value = value * 256n + BigInt(byte)
  const bits = BigInt(8 * bytes.length)
  return isSigned && value >= 1n << (bits - 1n) ? value - (1n << bits) : value
}

function dos(day: number, time: number): Date | undefined {
  const [month, date] = [(day >> 5) & 15, day & 31]
  if (month === 0 || date === 0) return undefined
  return new Date(Date.UTC(1980 + (day >> 9), month - 1, date, time >> 11, (time >> 5) & 63, (time & 31) * 2))
}

function value(file: Uint8Array, of: Field, at: number, bit: () => boolean): unknown {
  const { type, endian, padding, lenient } = of
  const bytes = file.slice(at, at + of.size)
  const isBig = endian === 'big'
  const number = (part = bytes, isSigned = false): number => Number(integer(part, isBig, isSigned))
  const signed = (name: string): number => number(bytes, name.startsWith('i'))
  switch (type) {
    case 'object':
      return Object.fromEntries(of.fields.map(each => [each.name, present(file, each, at + each.offset, bit)]))
    case 'union': {
      const variant = of.variants.find(({ fields }) => {
        const tag = fields.find(({ name }) => name === of.tag) as Field
        return tag.codes.includes(file[at + tag.offset] as number)
      })
      return value(file, variant as Field, at, bit)
    }
    case 'enum': {
      const i = of.codes.indexOf(number())
      return i < 0 && lenient ? number() : of.values[i]
    }
    case 'boolean':
      return number() > 1 && lenient ? number() : number() === 1
    case 'f16': {
      const [exponent, fraction] = [(number() >> 10) & 31, number() & 1023]
      const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
      return number() >> 15 ? -size : size
    }
    case 'decimal':
      return signed(of.of) / 10 ** of.digits
    case 'unix':
      return new Date(signed(of.of) * (of.unit === 's' ? 1000 : 1))
    case 'filetime':
      return new Date(Number(integer(bytes, isBig, false) / 10_000n) - 11_644_473_600_000)
    case 'dosdate':
      return dos(number(), 0) ?? number()
    case 'dosdatetime':
      return dos(number(bytes.slice(2)), number(bytes.slice(0, 2))) ?? number()
    case 'uuid':
    case 'guid': {
      const groups = [
        bytes.slice(0, 4),
        bytes.slice(4, 6),
        bytes.slice(6, 8),
        bytes.slice(8, 10),
        bytes.slice(10),
      ]
      return groups
        .map((group, i) => Buffer.from(type === 'guid' && i < 3 ? group.toReversed() : group).toString('hex'))
        .join('-')
    }
    case 'numbertext':
      return Number.parseInt(Buffer.from(bytes).toString('latin1').replace(/[ \0]/g, '') || '0', of.radix)
    case 'bits':
      return Number((integer(bytes, isBig, false) >> BigInt(of.shift)) % (1n << BigInt(of.count)))
    case 'ascii':
    case 'latin1':
    case 'utf16le':
    case 'utf16be': {
      const own = padding === 'length' ? bytes.slice(1, 1 + (bytes[0] as number)) : bytes
      const text = new TextDecoder(type.startsWith('utf16') ? type.replace('16', '-16') : 'latin1').decode(own)
      if (padding === 'length') return text
      const whole = padding === 'space' ? text : (text.split('\0')[0] as string)
      return padding === undefined ? whole : whole.replace(/ +$/, '')
    }
    default:
      return signed(type)
  }
}

function present(file: Uint8Array, of: Field, at: number, bit: () => boolean): unknown {
  const isNull = of.nullable === true && bit()
  return isNull ? null : value(file, of, at, bit)
}

const big = <S extends z.ZodType>(schema: S): S => field(schema, { endian: 'big' })
const Item = z.object({
  a: u24(),
  b: big(i24()),
  c: u48(),
  d: big(i48()),
  half: f16(),
  price: decimal(2, i24()),
  large: decimal(3),
  seconds: unixSeconds(u24()),
  ms: big(unixMs(i48())),
  windows: filetime(),
  dos: dosDateTime(),
  day: field(dosDate(), { lenient: true }),
  id: uuid(),
  other: guid(),
  octal: numberText(9, { radix: 8 }),
  right: numberText(6, { fill: 'left', end: 'space' }),
  flags: big(bits({ low: 3, high: 9 })),
  top: bits({ high: 3, low: 2 }, { order: 'msb' }),
  side: field(z.enum(['buy', 'sell']), { lenient: true, codes: [4, 9] }),
  on: field(z.boolean(), { lenient: true }),
  wide: utf16le(8),
  wider: utf16be(8, { padding: 'either' }),
  short: latin1(6, { padding: 'length' }),
  either: ascii(6, { padding: 'either' }),
  what: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('one'), x: u24().nullable() }),
    z.object({ kind: z.literal('two'), y: latin1(2), z: i24().nullable() }),
  ]),
})

test('the page tells how to read each of them', () => {
  const path = join(folder, 'kinds.stride')
  const store = openStore(path, Item)
  const records = Array.from({ length: 40 }, (_, i): z.output<typeof Item> => {
    const sign = i % 2 === 0 ? 1 : -1
    const text = 'é ä'.slice(0, 1 + (i % 3)).trimEnd()
    return {
      a: i * 400_000,
      b: sign * i * 200_000,
      c: i * 2 ** 42,
      d: sign * i * 2 ** 41,
      half: (sign * i) / 8,
      price: (sign * i * 1234) / 100,
      large: (sign * i * 1e12) / 1000,
      seconds: new Date(i * 400_000_000),
      ms: new Date(sign * i * 2 ** 41),
      windows: new Date(sign * i * 1e9),
      dos: new Date(Date.UTC(1980 + i * 3, i % 12, 1 + (i % 28), i % 24, i, (i * 2) % 60)),
      day: i % 5 === 0 ? i % 30 : new Date(Date.UTC(1980 + i, 1, 28)),
      id: `123e4567-e89b-12d3-a456-4266141740${String(i + 10)}`,
      other: `123e4567-e89b-12d3-a456-4266141740${String(i + 10)}`,
      octal: i * 100_000,
      right: i * 100,
      flags: { low: i % 8, high: i * 13 },
      top: { high: i % 8, low: i % 4 },
      side: i % 3 === 0 ? i : i % 3 === 1 ? 'buy' : 'sell',
      on: i < 2 ? i === 1 : i,
      wide: `${text}😀`.slice(0, 4).replace(/[\ud800-\udbff]$/, ''),
      wider: text,
      short: `${i} `,
      either: `e${i}`,
      what:
        i % 2 === 0
          ? { kind: 'one', x: i % 4 === 0 ? null : i }
          : { kind: 'two', y: `${i % 10}`, z: i % 3 === 0 ? null : -i },
    }
  })
  // 9 and 4 are listed codes.
  for (const record of records) if (record.side === 9) record.side = 'sell'
  store.appendMany(records)
  store.commitSync()
  store.close()

  const file = new Uint8Array(readFileSync(path))
  const view = new DataView(file.buffer)
  const [recordSize, dataOffset, layoutBytes] = [12, 16, 24].map(at => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ]
  const layout = JSON.parse(Buffer.from(file.slice(16_384, 16_384 + layoutBytes)).toString()) as {
    fields: Field[]
    nullBits: { offset: number }
  }
  const read = records.map((_, n) => {
    const at = dataOffset + n * recordSize
    let next = 0
    const bit = (): boolean => {
      const which = next++
      return (((file[at + layout.nullBits.offset + (which >> 3)] as number) >> (which & 7)) & 1) === 1
    }
    return Object.fromEntries(
      layout.fields.map(each => [each.name, present(file, each, at + each.offset, bit)]),
    )
  })
  expect(read).toEqual(records)
})
