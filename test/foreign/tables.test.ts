/**
 * Tables that programs keep: transitions of time zones, the index of a git pack, the directory and the characters of a font, records of
 * NetCDF, packets of a capture.
 */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, bytes, type FlatFile, field, i16, openFlatFile, u8, u16, u32, unixSeconds } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeWith, foreignFolder, python, run } from './support.ts'

const folder = foreignFolder()
const BIG = { endian: 'big', readOnly: true } as const

/** RFC 8536. The data of version 1 lie between this header and the next one. */
const ZoneHeader = z.object({
  magic: ascii(4),
  version: ascii(1),
  utcCount: field(u32(), { offset: 20 }),
  standardCount: u32(),
  leapCount: u32(),
  timeCount: u32(),
  typeCount: u32(),
  charCount: u32(),
})
type ZoneHeader = z.output<typeof ZoneHeader>
const Transition = z.object({ at: unixSeconds(z.int64()) })
const ZoneType = z.object({ offset: z.int32(), isDst: z.boolean(), name: u8() })
const HEADER_BYTES = 44

describeWith(['zdump'], 'TZif', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe']
  const known = zones.map(name => join('/usr/share/zoneinfo', name)).filter(path => existsSync(path))

  test.skipIf(known.length === 0).each(known)('transitions are those that zdump shows: %s', path => {
    using first = openFlatFile(path, Transition, { ...BIG, header: { schema: ZoneHeader, count: () => 0 } })
    const old = first.header as ZoneHeader
    expect(old).toMatchObject({ magic: 'TZif' })
    const at =
      HEADER_BYTES +
      old.timeCount * 5 +
      old.typeCount * 6 +
      old.charCount +
      old.leapCount * 8 +
      old.standardCount +
      old.utcCount
    const times = (h: ZoneHeader): number => h.timeCount
    using transitions = openFlatFile(path, Transition, {
      ...BIG,
      header: { schema: ZoneHeader, at, count: times },
    })
    const { timeCount, typeCount } = transitions.header
    const data = at + HEADER_BYTES
    using indices = openFlatFile(path, z.object({ type: u8() }), {
      ...BIG,
      offset: data + 8 * timeCount,
      count: timeCount,
    })
    using types = openFlatFile(path, ZoneType, { ...BIG, offset: data + 9 * timeCount, count: typeCount })
    const shown = new Map<number, string>()
    for (const line of run('zdump', ['-v', '-c', '1900,2037', path]).split('\n')) {
      const found = / {2}(\w{3} \w{3} +\d+ [\d:]+ \d+) UT = .* isdst=(\d) gmtoff=(-?\d+)$/.exec(line)
      if (found !== null) shown.set(Date.parse(`${found[1]} UTC`), `${found[2]} ${found[3]}`)
    }
    let compared = 0
    for (const [n, { at }] of [...transitions].entries()) {
      const { offset, isDst } = types.get(indices.field(n, 'type')) as z.output<typeof ZoneType>
      const seen = shown.get(at.getTime())
      if (seen === undefined) continue
      expect(seen).toBe(`${Number(isDst)} ${offset}`)
      compared++
    }
    const inside = [...shown.keys()].filter(
      ms => ms % 60_000 === 0 && ms <= transitions.field(timeCount - 1, 'at').getTime(),
    )
    expect(compared).toBeGreaterThan(0)
    expect(compared).toBeGreaterThanOrEqual(inside.length - 2)
  })
})

const PackIndex = z.object({ magic: u32(), version: u32(), fanout: z.array(u32()).length(256) })
type PackIndex = z.output<typeof PackIndex>
const objects = (h: PackIndex): number => h.fanout[255] as number
const PACK_HEADER = 8 + 256 * 4

describeWith(['git'], 'the index of a git pack', () => {
  test('names, checksums and places are those that git shows', () => {
    const repository = join(folder, 'repository')
    mkdirSync(repository)
    run('git', ['init', '-q'], repository)
    for (let i = 0; i < 40; i++) writeFileSync(join(repository, `f${i}`), `file ${i} `.repeat(i))
    run('git', ['add', '.'], repository)
    run('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qm', 'x'], repository)
    run('git', ['repack', '-adq'], repository)
    const packs = join(repository, '.git/objects/pack')
    const path = join(packs, readdirSync(packs).find(name => name.endsWith('.idx')) as string)
    const open = <S extends z.ZodObject>(
      schema: S,
      offset: (h: PackIndex) => number,
    ): FlatFile<S, typeof PackIndex> =>
      openFlatFile(path, schema, { ...BIG, header: { schema: PackIndex, offset, count: objects } })
    using names = open(z.object({ hash: bytes(20) }), () => PACK_HEADER)
    using checksums = open(z.object({ crc: u32() }), h => PACK_HEADER + 20 * objects(h))
    using places = open(z.object({ offset: u32() }), h => PACK_HEADER + 24 * objects(h))
    expect(names.header).toMatchObject({ magic: 0xff744f63, version: 2 })
    const rows = Array.from({ length: names.size }, (_, n) => {
      const hash = Buffer.from(names.field(n, 'hash')).toString('hex')
      return `${places.field(n, 'offset')} ${hash} (${checksums.field(n, 'crc').toString(16).padStart(8, '0')})`
    })
    const shown = run('sh', ['-c', 'git show-index < "$0"', path]).trimEnd().split('\n')
    expect(rows).toEqual(shown)
    expect(rows.length).toBe(42)
    const verified = run('git', ['verify-pack', '-v', path], repository)
    for (const [n, row] of rows.entries()) {
      const hash = row.split(' ')[1] as string
      expect(verified, row).toMatch(new RegExp(`^${hash} \\w+ .* ${places.field(n, 'offset')}( |$)`, 'm'))
    }
  })
})

const FONTS = [
  '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
  '/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf',
].filter(path => existsSync(path))
const Fonts = z.object({ version: u32(), tables: u16(), searchRange: u16(), selector: u16(), shift: u16() })
const Table = z.object({ tag: ascii(4, { padding: 'space' }), checksum: u32(), offset: u32(), length: u32() })
const CharacterMaps = z.object({ version: u16(), count: u16() })
const CharacterMap = z.object({ platform: u16(), encoding: u16(), offset: u32() })
const Groups = z.object({ format: u16(), reserved: u16(), length: u32(), language: u32(), count: u32() })
const Group = z.object({ first: u32(), last: u32(), glyph: u32() })
const Segments = z.object({ format: u16(), length: u16(), language: u16(), twice: u16() })
const Head = z.object({
  unitsPerEm: field(u16(), { offset: 18 }),
  box: field(z.array(i16()).length(4), { offset: 36 }),
})

describeWith(['fc-scan', 'python3'], 'a TrueType font', () => {
  test.skipIf(FONTS.length === 0).each(FONTS)(
    'has the tables, and the characters, that others find in it: %s',
    path => {
      using tables = openFlatFile(path, Table, { ...BIG, header: { schema: Fonts, count: h => h.tables } })
      const script = `import sys,struct,json
b=open(sys.argv[1],'rb').read(); n,=struct.unpack_from('>H',b,4)
t=[struct.unpack_from('>4sIII',b,12+16*i) for i in range(n)]
h=next(o for g,c,o,l in t if g==b'head')
print(json.dumps([[[g.decode().strip(),c,o,l] for g,c,o,l in t],struct.unpack_from('>H',b,h+18)[0],struct.unpack_from('>4h',b,h+36)]))`
      const rows = Array.from(tables, ({ tag, checksum, offset, length }) => [tag, checksum, offset, length])
      const at = (tag: string): number => rows.find(([name]) => name === tag)?.[2] as number
      using head = openFlatFile(path, Head, { ...BIG, offset: at('head'), count: 1 })
      expect([rows, head.field(0, 'unitsPerEm'), head.field(0, 'box')]).toEqual(python(script, path))

      const cmap = at('cmap')
      using maps = openFlatFile(path, CharacterMap, {
        ...BIG,
        header: { schema: CharacterMaps, at: cmap, count: h => h.count },
      })
      const characters = new Set<number>()
      for (const { offset } of maps) {
        const where = cmap + offset
        using probe = openFlatFile(path, Groups, { ...BIG, offset: where, count: 1 })
        const format = probe.field(0, 'format')
        if (format === 12) {
          using groups = openFlatFile(path, Group, {
            ...BIG,
            header: { schema: Groups, at: where, count: h => h.count },
          })
          for (const { first, last } of groups)
            for (let code = first; code <= last; code++) characters.add(code)
        } else if (format === 4) {
          const Edge = z.object({ code: u16() })
          const count = (h: z.output<typeof Segments>): number => h.twice / 2
          using ends = openFlatFile(path, Edge, {
            ...BIG,
            header: { schema: Segments, at: where, count, offset: () => where + 14 },
          })
          using starts = openFlatFile(path, Edge, {
            ...BIG,
            header: { schema: Segments, at: where, count, offset: h => where + 16 + h.twice },
          })
          for (const [n, { code: last }] of [...ends].entries()) {
            for (let code = starts.field(n, 'code'); code <= last && code !== 0xffff; code++)
              characters.add(code)
          }
        }
      }
      const shown = run('fc-scan', ['--format', '%{charset}', path]).trim().split(' ')
      let count = 0
      for (const range of shown) {
        const [first = 0, last = first] = range.split('-').map(digits => Number.parseInt(digits, 16))
        for (let code = first; code <= last; code++, count++)
          expect(characters.has(code), code.toString(16)).toBe(true)
      }
      expect(count).toBeGreaterThan(1000)
      // fontconfig leaves out characters whose glyph is empty.
      expect(characters.size - count).toBeLessThan(200)
    },
  )
})

describeWith(['scipy'], 'NetCDF', () => {
  test('records of the classic format are what scipy wrote, and what it reads once they are changed', async () => {
    const path = join(folder, 'x.nc')
    const write = `import sys,scipy.io
f=scipy.io.netcdf_file(sys.argv[1],'w'); f.createDimension('time',None)
t=f.createVariable('time','f8',('time',)); v=f.createVariable('level','i4',('time',))
for i in range(50): t[i]=i*1.5; v[i]=i*i-3
f.close(); print(0)`
    const read = `import sys,scipy.io,json
f=scipy.io.netcdf_file(sys.argv[1],'r',mmap=False); print(json.dumps([list(map(float,f.variables['time'][:])),list(map(int,f.variables['level'][:]))]))`
    python(write, path)
    // The header's lists have the names and attributes of this file, so that the place of the first record is where it is.
    const Header = z.object({
      magic: ascii(3),
      version: u8(),
      records: u32(),
      begin: field(u32(), { offset: 76 }),
    })
    const Sample = z.object({ time: z.float64(), level: z.int32() })
    using flat = openFlatFile(path, Sample, {
      endian: 'big',
      header: { schema: Header, offset: h => h.begin, count: h => h.records },
    })
    expect(flat.header).toMatchObject({ magic: 'CDF', version: 1, records: 50 })
    const columns = (): unknown => [[...flat.gather('time')], [...flat.gather('level')]]
    expect(columns()).toEqual(python(read, path))
    flat.update(49, { time: -0.25, level: -7 })
    await flat.commit()
    expect(columns()).toEqual(python(read, path))
  })
})

describe.each(['little', 'big'] as const)('a capture of packets of one length (%s-endian)', endian => {
  describeWith(['python3'], 'pcap', () => {
    test('has the times and lengths that were packed into it', () => {
      const path = join(folder, `${endian}.pcap`)
      const write = `import sys,struct,json
e={'little':'<','big':'>'}[sys.argv[2]]
p=[(1700000000+i,(i*7919)%1000000,60,60+i) for i in range(300)]
open(sys.argv[1],'wb').write(struct.pack(e+'IHHiIII',0xa1b2c3d4,2,4,0,0,65535,1)+b''.join(struct.pack(e+'IIII',*x)+bytes(60) for x in p))
print(json.dumps(p))`
      const expected = python(write, path, endian)
      const Capture = z.object({
        magic: u32(),
        major: u16(),
        minor: u16(),
        zone: z.int32(),
        accuracy: u32(),
        most: u32(),
        link: u32(),
      })
      const Packet = z.object({ at: unixSeconds(u32()), micros: u32(), captured: u32(), length: u32() })
      using flat = openFlatFile(path, Packet, {
        endian,
        readOnly: true,
        header: { schema: Capture },
        stride: 76,
      })
      expect(flat.header).toMatchObject({ magic: 0xa1b2c3d4, major: 2, most: 65_535 })
      const rows = Array.from(flat, ({ at, micros, captured, length }) => [
        at.getTime() / 1000,
        micros,
        captured,
        length,
      ])
      // The last record has no packet behind it that a stride would need.
      expect(rows).toEqual(expected)
    })
  })
})
