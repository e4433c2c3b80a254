/**
 * Sound and pictures: samples of one, two and three bytes behind the header of a WAV file, and rows of a BMP from the bottom up.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, i16, i24, i32, openFlatFile, u8, u16, u32 } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { describeWith, foreignFolder, python } from './support.ts'

const folder = foreignFolder()

/** RIFF with a format chunk of 16 bytes and the data chunk behind it, as most writers have it. */
const WavHeader = z.object({
  riff: ascii(4),
  riffBytes: u32(),
  wave: ascii(4),
  formatId: ascii(4, { padding: 'space' }),
  formatBytes: u32(),
  format: u16(),
  channels: u16(),
  rate: u32(),
  byteRate: u32(),
  frameBytes: u16(),
  bits: u16(),
  dataId: ascii(4),
  dataBytes: u32(),
})
const header = { schema: WavHeader, count: (h: z.output<typeof WavHeader>) => h.dataBytes / h.frameBytes }
const SAMPLES = [
  { bits: 8, sample: u8(), least: 0, most: 255 },
  { bits: 16, sample: i16(), least: -32_768, most: 32_767 },
  { bits: 24, sample: i24(), least: -8_388_608, most: 8_388_607 },
]

describeWith(['python3'], 'WAV', () => {
  test.each(SAMPLES)(
    'frames of $bits bits are what the wave module reads, and what it reads once they are changed',
    async ({ bits, sample, least, most }) => {
      const path = join(folder, `${bits}.wav`)
      const write = `import sys,wave,struct,json
path,bits,least,most=sys.argv[1],*map(int,sys.argv[2:])
w=wave.open(path,'wb'); w.setnchannels(2); w.setsampwidth(bits//8); w.setframerate(44100)
s=[least,most,0 if bits>8 else 128,1]+[least+(i*7919*65537)%(most-least) for i in range(9996)]
w.writeframes(b''.join(x.to_bytes(bits//8,'little',signed=bits>8) for x in s)); w.close()
print(json.dumps(s))`
      const read = `import sys,wave,json
w=wave.open(sys.argv[1]); n=w.getsampwidth(); b=w.readframes(w.getnframes())
print(json.dumps([int.from_bytes(b[i:i+n],'little',signed=n>1) for i in range(0,len(b),n)]))`
      const expected = python(write, path, String(bits), String(least), String(most)) as number[]
      const Frame = z.object({ channels: z.tuple([sample, sample]) })
      using flat = openFlatFile(path, Frame, { header })
      expect(flat.header).toMatchObject({
        riff: 'RIFF',
        wave: 'WAVE',
        formatId: 'fmt',
        channels: 2,
        rate: 44_100,
        bits,
        dataId: 'data',
      })
      expect([...flat.gather('channels')]).toEqual(expected)
      flat.update(0, { channels: [most, least] })
      flat.update(4999, { channels: [least + 1, most - 1] })
      await flat.commit()
      expected.splice(0, 2, most, least)
      expected.splice(9998, 2, least + 1, most - 1)
      expect(python(read, path)).toEqual(expected)
    },
  )
})

const BmpHeader = z.object({
  magic: ascii(2),
  fileBytes: u32(),
  reserved: u32(),
  dataOffset: u32(),
  infoBytes: u32(),
  width: i32(),
  height: i32(),
  planes: u16(),
  bits: u16(),
  compression: u32(),
  imageBytes: u32(),
})
const Pixel = z.object({ blue: u8(), green: u8(), red: u8() })

describeWith(['python3'], 'BMP', () => {
  test('rows are read and changed from the top, though they lie from the bottom up', async () => {
    const path = join(folder, 'x.bmp')
    const [width, height, rowBytes] = [7, 50, 24]
    const write = `import sys,struct
path,w,h,row=sys.argv[1],*map(int,sys.argv[2:])
rows=b''.join(b''.join(bytes([x,y,x*y%251]) for x in range(w)).ljust(row,b'\\0') for y in reversed(range(h)))
open(path,'wb').write(struct.pack('<2sIII',b'BM',54+len(rows),0,54)+struct.pack('<IiiHHIIiiII',40,w,h,1,24,0,len(rows),2835,2835,0,0)+rows)
print('0')`
    const read = `import sys,struct,json
b=open(sys.argv[1],'rb').read(); off,=struct.unpack_from('<I',b,10); w,h=struct.unpack_from('<ii',b,18); row=(w*3+3)//4*4
print(json.dumps([[list(b[off+(h-1-y)*row+3*x:][:3]) for x in range(w)] for y in range(h)]))`
    python(write, path, String(width), String(height), String(rowBytes))
    const Row = z.object({ pixels: z.array(Pixel).length(width) })
    type BmpHeader = z.output<typeof BmpHeader>
    const strideOf = ({ width, bits }: BmpHeader): number => Math.ceil((width * bits) / 32) * 4
    const header = {
      schema: BmpHeader,
      offset: (h: BmpHeader) => h.dataOffset + (h.height - 1) * strideOf(h),
      stride: (h: BmpHeader) => -strideOf(h),
      count: (h: BmpHeader) => h.height,
    }
    using flat = openFlatFile(path, Row, { header })
    expect(flat.header).toMatchObject({ magic: 'BM', width, height, bits: 24 })
    const rows = (): number[][][] => Array.from(flat, ({ pixels }) => pixels.map(p => [p.blue, p.green, p.red]))
    expect(rows()).toEqual(python(read, path))
    expect(flat.get(2)?.pixels[5]).toEqual({ blue: 5, green: 2, red: 10 })
    flat.update(0, { pixels: Array.from({ length: width }, (_, x) => ({ blue: 9, green: x, red: 7 })) })
    await flat.commit()
    expect(python(read, path)).toEqual(rows())
    expect(readFileSync(path).length).toBe(54 + rowBytes * height)
  })
})

test('a WAV header that says more than there is is refused', () => {
  const path = join(folder, 'short.wav')
  writeFileSync(path, Buffer.alloc(44))
  const Byte = z.object({ x: u8() })
  const open = (count: number) =>
    openFlatFile(path, Byte, { header: { schema: WavHeader, count: () => count } })
  expect(() => open(1)).toThrow(expect.objectContaining({ code: 'ERR_STRIDE_TRUNCATED' }))
  expect(open(0).size).toBe(0)
})
