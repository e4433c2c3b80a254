/**
 * Do numpy and a C compiler read what the codec wrote? What could go wrong: a description that is plausible and
 * wrong, which only the real programs can tell. Where they are missing, the test says so in its title.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it, describe as suite } from 'vitest'
import { z } from 'zod'
import {
  ascii,
  bits,
  bytes,
  codecOf,
  describe,
  field,
  type LayoutOptions,
  layoutOf,
  u8,
  u16,
  utf8,
} from '../../src/schema/index.ts'
import { recordSample } from './samples.ts'

const directory = mkdtempSync(join(tmpdir(), 'stride-describe-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
const hasNumpy = works('python3', '-c', 'import numpy')
const hasGcc = works('gcc', '--version')
if (!hasNumpy) console.warn('SKIPPED: no python3 with numpy here, so the numpy description is not proved')
if (!hasGcc) console.warn('SKIPPED: no gcc here, so the C description is not proved')
const note = (found: boolean): string => (found ? '' : ' (SKIPPED: program missing)')

const Record = z.object({
  flag: z.boolean(),
  price: z.float64(),
  ratio: z.float32(),
  id: z.uint32(),
  big: z.int64(),
  name: utf8(11),
  code: ascii(5, { padding: 'space' }),
  side: z.enum(['buy', 'sell']),
  when: z.date(),
  raw: bytes(3),
  position: z.object({ x: z.float64(), tag: u16() }),
  path: z.array(z.tuple([u8(), z.int32()])).length(2),
  matrix: z.array(z.array(z.float32()).length(2)).length(3),
  maybe: z.uint32().nullable(),
  whole: z.int(),
  be: field(z.uint32(), { endian: 'big' }),
  wide: field(u8(), { width: 4 }),
})
const RECORDS: readonly z.input<typeof Record>[] = [0, 1, 2].map(i => ({
  flag: i === 1,
  price: i * 1.25,
  ratio: i / 4,
  id: 4_000_000_000 + i,
  big: -9_000_000_000n - BigInt(i),
  name: `né${i}`,
  code: `C${i}`,
  side: i === 2 ? ('sell' as const) : ('buy' as const),
  when: new Date(1_700_000_000_000 + i),
  raw: new Uint8Array([i, 0, 255]),
  position: { x: -i, tag: 500 + i },
  path: [
    [i, -i],
    [7, 8],
  ] as [number, number][],
  matrix: [
    [0, 1],
    [2, 3],
    [4, i],
  ],
  maybe: i === 1 ? null : 77,
  whole: Number.MAX_SAFE_INTEGER - i,
  be: 0x01020304,
  wide: 9,
}))

function written(options: LayoutOptions): { file: string; numpy: string; c: string; recordSize: number } {
  const codec = codecOf(Record, options)
  const { recordSize } = codec.layout
  const memory = Buffer.alloc(recordSize * RECORDS.length)
  const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
  for (const [i, record] of RECORDS.entries()) codec.encode(record, view, memory, i * recordSize)
  const file = join(directory, `records-${options.align}.bin`)
  writeFileSync(file, memory)
  return { file, recordSize, ...describe(codec.layout) }
}

suite('a description', () => {
  it('says in JSON where every field lies, bigints included', () => {
    const { json } = describe(z.object({ a: z.literal([5n, 'x']), b: u8().nullable() }), { align: 'natural' })
    expect(JSON.parse(JSON.stringify(json))).toMatchObject({
      recordSize: 3,
      nullBits: { offset: 2, size: 1 },
      fields: [
        { path: 'a', type: 'enum', values: ['5', 'x'] },
        { path: 'b', nullBit: 0 },
      ],
    })
  })

  it.skipIf(!hasNumpy).each(['packed', 'natural'] as const)(
    `is a numpy dtype that reads the codec’s bytes (%s)${note(hasNumpy)}`,
    align => {
      const { file, numpy, recordSize } = written({ align })
      const script = `
import json, sys, numpy as np
dt = ${numpy}
a = np.fromfile(sys.argv[1], dtype=dt)
print(json.dumps([dt.itemsize, [[bool(r['flag']), float(r['price']), float(r['ratio']), int(r['id']), str(r['big']),
  r['name'].decode('utf8'), r['code'].decode().rstrip(' '), int(r['side']), int(r['when']), list(r['raw'].tobytes()),
  float(r['position']['x']), int(r['position']['tag']), [[int(p['_0']), int(p['_1'])] for p in r['path']],
  r['matrix'].tolist(), int(r['maybe']), r['null_bits'].tobytes()[0] & 1, float(r['whole']), int(r['be']), int(r['wide'])]
  for r in a]]))`
      const output = execFileSync('python3', ['-c', script, file], { encoding: 'utf8' })
      const rows = RECORDS.map(r => [
        r.flag,
        r.price,
        r.ratio,
        r.id,
        String(r.big),
        r.name,
        r.code,
        r.side === 'buy' ? 0 : 1,
        r.when.getTime(),
        [...r.raw],
        r.position.x === 0 ? 0 : r.position.x,
        r.position.tag,
        r.path.map(p => p.map(n => n + 0)),
        r.matrix,
        r.maybe ?? 0,
        r.maybe === null ? 1 : 0,
        r.whole,
        r.be,
        r.wide,
      ])
      expect(JSON.parse(output.replaceAll('-0.0', '0.0'))).toEqual(
        JSON.parse(JSON.stringify([recordSize, rows])),
      )
    },
  )

  it.skipIf(!hasGcc).each(['packed', 'natural'] as const)(
    `is a C struct that reads the codec’s bytes (%s)${note(hasGcc)}`,
    align => {
      const { file, c, recordSize } = written({ align })
      expect(c.includes('packed')).toBe(true)
      const source = `${c}
#include <stdio.h>
int main(int argc, char **argv) {
  struct record r;
  FILE *f = fopen(argv[1], "rb");
  (void)argc;
  while (fread(&r, sizeof r, 1, f) == 1)
    printf("%d %g %g %u %lld %.11s %.5s %d %lld %d,%d,%d %g %d %d,%d %g %u %d %.0f %u %d %zu\\n", r.flag, r.price, r.ratio, r.id,
      (long long)r.big, r.name, r.code, r.side, (long long)r.when, r.raw[0], r.raw[1], r.raw[2], r.position.x, r.position.tag,
      r.path[1]._0, r.path[0]._1, r.matrix[2][1], r.maybe, r.null_bits[0], r.whole, __builtin_bswap32(r.be), r.wide, sizeof r);
  return 0;
}`
      const lines = run(source, `read-${align}`, file).trimEnd().split('\n')
      expect(lines).toEqual(
        RECORDS.map((r, i) =>
          [
            r.flag ? 1 : 0,
            r.price,
            r.ratio,
            r.id,
            r.big,
            r.name,
            r.code.padEnd(5),
            r.side === 'buy' ? 0 : 1,
            r.when.getTime(),
            `${i},0,255`,
            r.position.x === 0 ? '-0' : r.position.x,
            r.position.tag,
            `7,${-i === 0 ? 0 : -i}`,
            r.matrix[2]?.[1],
            r.maybe ?? 0,
            r.maybe === null ? 1 : 0,
            r.whole,
            r.be,
            r.wide,
            recordSize,
          ].join(' '),
        ),
      )
    },
  )

  it.skipIf(!hasGcc)(`needs no packed attribute where C places the fields alike${note(hasGcc)}`, () => {
    const schema = z.object({
      a: u8(),
      b: z.float64(),
      c: z.object({ d: u8(), e: z.uint32() }),
      f: u8().nullable(),
    })
    const { c } = describe(schema, { align: 'natural' })
    expect(c).not.toContain('packed')
    expect(c).not.toContain('_gap')
    run(`${c}\nint main(void) { return sizeof(struct record) == 32 ? 0 : 1; }`, 'natural')
  })

  it.skipIf(!hasGcc)(`names bit fields that others stand behind${note(hasGcc)}`, () => {
    const { c } = describe(z.object({ flags: bits({ a: 3, b: 5 }).extend({ x: u16() }) }))
    run(`${c}\nint main(void) { return sizeof(struct record) == 3 ? 0 : 1; }`, 'bits')
  })

  it.skipIf(!hasGcc)(
    `is packed where only an inner struct has no room behind its fields${note(hasGcc)}`,
    () => {
      const { c } = describe(z.object({ pair: z.tuple([u16(), u8()]), x: u8() }))
      run(`${c}\nint main(void) { return sizeof(struct record) == 4 ? 0 : 1; }`, 'inner')
    },
  )

  it.skipIf(!hasGcc || !hasNumpy)(`compiles and loads for any schema${note(hasGcc && hasNumpy)}`, () => {
    const samples = fc.sample(recordSample, { seed: 7, numRuns: 40 })
    const dtypes: [string, number][] = []
    for (const [i, { schema }] of samples.entries()) {
      const layout = layoutOf(schema, { align: i % 2 === 0 ? 'packed' : 'natural' })
      const { c, numpy } = describe(layout)
      dtypes.push([numpy, layout.recordSize])
      compile(`${c}\nint main(void) { return 0; }`, `any-${i}`, '-fsyntax-only')
    }
    const checks = dtypes.map(([numpy, size]) => `assert ${numpy}.itemsize == ${size}`).join('\n')
    execFileSync('python3', ['-c', `import numpy as np\n${checks}`])
  })
})

function compile(source: string, name: string, ...flags: string[]): string {
  const path = join(directory, `${name}.c`)
  writeFileSync(path, source)
  const binary = join(directory, name)
  execFileSync('gcc', ['-std=c11', '-Wall', '-Wno-address-of-packed-member', '-o', binary, path, ...flags], {
    stdio: 'pipe',
  })
  return binary
}

function run(source: string, name: string, ...args: string[]): string {
  return execFileSync(compile(source, name), args, { encoding: 'utf8' })
}
