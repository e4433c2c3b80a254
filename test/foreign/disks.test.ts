/**
 * Disks: partitions of a GPT, inodes of ext4, entries of a DOS directory.
 */

import { mkdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import {
  ascii,
  bits,
  dosDate,
  dosDateTime,
  field,
  guid,
  openFlatFile,
  u8,
  u16,
  u32,
  u64,
  unixSeconds,
  utf16le,
  uuid,
} from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { describeWith, foreignFolder, python, run } from './support.ts'

const folder = foreignFolder()
const SECTOR = 512

/** UEFI 2.10, chapter 5.3. */
const GptHeader = z.object({
  signature: ascii(8),
  revision: u32(),
  headerBytes: u32(),
  headerCrc: u32(),
  reserved: u32(),
  here: u64(),
  copy: u64(),
  first: u64(),
  last: u64(),
  disk: guid(),
  entriesAt: u64(),
  entries: u32(),
  entryBytes: u32(),
  entriesCrc: u32(),
})
type GptHeader = z.output<typeof GptHeader>
const Partition = z.object({
  type: guid(),
  id: guid(),
  first: u64(),
  last: u64(),
  flags: u64(),
  name: utf16le(72),
})
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4'
const NONE = '00000000-0000-0000-0000-000000000000'

describeWith(['python3', 'blkid'], 'GPT', () => {
  const DISK = '01234567-89ab-cdef-0123-456789abcdef'
  const PARTITIONS = Array.from({ length: 5 }, (_, i) => ({
    type: LINUX,
    id: `0000000${i}-1111-2222-3333-444455556666`,
    first: BigInt(2048 + i * 100),
    last: BigInt(2048 + i * 100 + 99),
    flags: 0n,
    name: ['boot', 'Größe', '数据', 'x'.repeat(36), ''][i] as string,
  }))

  /** A disk of 4 MiB with an empty table. */
  function disk(path: string): void {
    const image = Buffer.alloc(4 * 2 ** 20)
    image.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0x1f, 0, 0], 446)
    image.set([0x55, 0xaa], 510)
    writeFileSync(path, image)
  }

  test('a table that is written through two schemas is what others read', async () => {
    const path = join(folder, 'gpt.img')
    disk(path)
    const sectors = BigInt(statSync(path).size / SECTOR)
    using table = openFlatFile(path, Partition, { offset: 2 * SECTOR, count: 128 })
    for (const [n, partition] of PARTITIONS.entries()) table.put(n, partition)
    await table.commit()
    const base = {
      signature: 'EFI PART',
      revision: 0x10000,
      headerBytes: 92,
      headerCrc: 0,
      reserved: 0,
      here: 1n,
      copy: sectors - 1n,
      first: 34n,
      last: sectors - 34n,
      disk: DISK,
      entriesAt: 2n,
      entries: 128,
      entryBytes: 128,
      entriesCrc: crc32(readFileSync(path).subarray(2 * SECTOR, 34 * SECTOR)),
    }
    using headers = openFlatFile(path, GptHeader, { stride: SECTOR, count: Number(sectors) })
    for (const [n, header] of [
      [1, base],
      [Number(sectors) - 1, { ...base, here: sectors - 1n, copy: 1n }],
    ] as const) {
      headers.put(n, header)
      headers.commitSync()
      const written = readFileSync(path).subarray(n * SECTOR, n * SECTOR + 92)
      headers.update(n, { headerCrc: crc32(written) })
      headers.commitSync()
    }
    expect(run('blkid', ['-p', '-o', 'export', path])).toContain(`PTUUID=${DISK}\nPTTYPE=gpt`)
    const script = `import sys,struct,uuid,json
b=open(sys.argv[1],'rb').read(); at,n,size=struct.unpack_from('<QII',b,512+72)
e=[b[at*512+i*size:][:size] for i in range(n)]
g=lambda x:str(uuid.UUID(bytes_le=x))
print(json.dumps([[g(x[:16]),g(x[16:32]),*struct.unpack_from('<QQ',x,32),x[56:128].decode('utf-16-le').rstrip('\\0')] for x in e]))`
    const header = {
      schema: GptHeader,
      at: SECTOR,
      offset: (h: GptHeader) => h.entriesAt * BigInt(SECTOR),
      count: (h: GptHeader) => h.entries,
      stride: (h: GptHeader) => h.entryBytes,
    }
    using partitions = openFlatFile(path, Partition, { header, readOnly: true })
    const rows = Array.from(partitions, ({ type, id, first, last, name }) => [
      type,
      id,
      Number(first),
      Number(last),
      name,
    ])
    expect(rows).toEqual(python(script, path))
    expect(rows.filter(([type]) => type !== NONE).map(([, , , , name]) => name)).toEqual(
      PARTITIONS.map(({ name }) => name),
    )
  })
})

const BLOCK = 4096
/** The superblock, and the descriptor of the first group in the block behind it. */
const Superblock = z.object({
  inodes: u32(),
  blockSize: field(u32(), { offset: 24 }),
  inodesPerGroup: field(u32(), { offset: 40 }),
  magic: field(u16(), { offset: 56 }),
  inodeBytes: field(u16(), { offset: 88 }),
  id: field(uuid(), { offset: 104 }),
  label: field(ascii(16), { offset: 120 }),
  inodeTable: field(u32(), { offset: BLOCK - 1024 + 8 }),
})
type Superblock = z.output<typeof Superblock>
const KINDS = { unused: 0, fifo: 1, folder: 4, file: 8, link: 10 } as const
const Inode = z.object({
  mode: bits({ permissions: 12, kind: 4 }),
  uid: u16(),
  size: u32(),
  accessed: unixSeconds(u32()),
  changed: unixSeconds(u32()),
  modified: unixSeconds(u32()),
  deleted: unixSeconds(u32()),
  gid: u16(),
  links: u16(),
})

describeWith(['mkfs.ext4', 'debugfs'], 'ext4', () => {
  test('inodes are what debugfs says of them', () => {
    const root = join(folder, 'root')
    mkdirSync(root)
    for (let i = 0; i < 5; i++) {
      writeFileSync(join(root, `file${i}`), 'x'.repeat(i * 1000), { mode: 0o600 + i })
      utimesSync(join(root, `file${i}`), 1_000_000_000 + i, 1_500_000_000 + i)
    }
    const path = join(folder, 'ext4.img')
    writeFileSync(path, '')
    truncateSync(path, 8 * 2 ** 20)
    run('mkfs.ext4', ['-q', '-b', String(BLOCK), '-L', 'a label', '-d', root, path])
    const header = {
      schema: Superblock,
      at: 1024,
      offset: (h: Superblock) => h.inodeTable * BLOCK,
      stride: (h: Superblock) => h.inodeBytes,
      count: (h: Superblock) => h.inodesPerGroup,
    }
    using inodes = openFlatFile(path, Inode, { header, readOnly: true })
    expect(inodes.header).toMatchObject({ magic: 0xef53, label: 'a label', blockSize: 2 })
    expect(run('debugfs', ['-R', 'stats', path])).toContain(`Filesystem UUID:          ${inodes.header.id}`)
    for (let i = 0; i < 5; i++) {
      const said = run('debugfs', ['-R', `stat file${i}`, path])
      const number = Number(/Inode: (\d+)/.exec(said)?.[1])
      const { mode, size, modified, links, uid, gid } = inodes.get(number - 1) as z.output<typeof Inode>
      const time = (name: string): number =>
        Number.parseInt(new RegExp(`${name}: 0x([0-9a-f]{8})`).exec(said)?.[1] as string, 16)
      expect(said).toMatch(new RegExp(`Mode: +0${mode.permissions.toString(8)} `))
      expect(said).toMatch(new RegExp(`User: +${uid} +Group: +${gid} .*Size: ${size}`))
      expect(said).toContain(`Links: ${links} `)
      expect([mode.kind, size, modified.getTime() / 1000]).toEqual([KINDS.file, i * 1000, time('mtime')])
      expect(mode.permissions).toBe(statSync(join(root, `file${i}`)).mode & 0o7777)
    }
    expect(inodes.get(1)?.mode.kind).toBe(KINDS.folder)
    const kinds = [...inodes.gather('mode.kind')].filter(kind => kind === KINDS.file)
    expect(kinds.length).toBeGreaterThanOrEqual(5)
  })
})

/** The boot sector of FAT12 and FAT16. */
const Boot = z.object({
  sectorBytes: field(u16(), { offset: 11 }),
  clusterSectors: u8(),
  reserved: u16(),
  tables: u8(),
  rootEntries: u16(),
  sectors: u16(),
  media: u8(),
  tableSectors: u16(),
  label: field(ascii(11, { padding: 'space' }), { offset: 43 }),
  system: ascii(8, { padding: 'space' }),
  magic: field(u16(), { offset: 510 }),
})
type Boot = z.output<typeof Boot>
const Entry = z.object({
  name: ascii(8, { padding: 'space' }),
  extension: ascii(3, { padding: 'space' }),
  attributes: bits({ readOnly: 1, hidden: 1, system: 1, label: 1, folder: 1, archive: 1 }),
  reserved: u8(),
  hundredths: u8(),
  created: field(dosDateTime(), { lenient: true }),
  accessed: field(dosDate(), { lenient: true }),
  high: u16(),
  modified: field(dosDateTime(), { lenient: true }),
  cluster: u16(),
  size: u32(),
})

describeWith(['python3'], 'a DOS directory', () => {
  test('entries are those that were packed into it, and that are read once they are changed', async () => {
    const path = join(folder, 'fat.img')
    const write = `import sys,struct
b=bytearray(1474560); struct.pack_into('<HBHBHHBH',b,11,512,1,1,2,224,2880,0xf0,9); b[43:62]=b'A LABEL    FAT12   '; b[510:512]=b'\\x55\\xaa'
d=lambda y,m,dd:(y-1980)<<9|m<<5|dd
t=lambda h,m,s:h<<11|m<<5|s//2
for i in range(20):
  struct.pack_into('<8s3sBBBHHHHHHHI',b,19*512+32*i,b'FILE%-4d'%i,b'TXT',0x20|(i&3),0,i,t(i,59,58),d(1980+i,1+i%12,1+i),d(2107,12,31),0,t(23,i,0),d(2000,2,29),2+i,i*1000)
open(sys.argv[1],'wb').write(b); print(0)`
    const read = `import sys,struct,json
b=open(sys.argv[1],'rb').read(); bs,_,r,n,e,_,_,f=struct.unpack_from('<HBHBHHBH',b,11); at=(r+n*f)*bs
D=lambda d:'%04d-%02d-%02d'%(1980+(d>>9),d>>5&15,d&31)
T=lambda t:'%02d:%02d:%02d'%(t>>11,t>>5&63,(t&31)*2)
x=[struct.unpack_from('<8s3sBBBHHHHHHHI',b,at+32*i) for i in range(20)]
print(json.dumps([[v[0].decode().strip(),v[1].decode().strip(),v[2]&1,v[2]>>1&1,v[2]>>5&1,D(v[6])+'T'+T(v[5]),D(v[7]),D(v[10])+'T'+T(v[9]),v[11],v[12]] for v in x]))`
    python(write, path)
    const header = {
      schema: Boot,
      offset: (h: Boot) => (h.reserved + h.tables * h.tableSectors) * h.sectorBytes,
      count: (h: Boot) => h.rootEntries,
    }
    using entries = openFlatFile(path, Entry, { header })
    expect(entries.header).toMatchObject({ label: 'A LABEL', system: 'FAT12', magic: 0xaa55 })
    const rows = (): unknown[] =>
      Array.from({ length: 20 }, (_, n) => {
        const { name, extension, attributes, created, accessed, modified, cluster, size } = entries.get(
          n,
        ) as z.output<typeof Entry>
        const second = (date: Date | number): string => (date as Date).toISOString().slice(0, 19)
        const { readOnly, hidden, archive } = attributes
        const flags = [readOnly, hidden, archive]
        return [
          name,
          extension,
          ...flags,
          second(created),
          second(accessed).slice(0, 10),
          second(modified),
          cluster,
          size,
        ]
      })
    expect(rows()).toEqual(python(read, path))
    const attributes = { readOnly: 1, hidden: 1, system: 0, label: 0, folder: 0, archive: 0 }
    entries.update(7, { attributes, created: new Date('2024-02-29T23:59:58Z'), name: 'NEW' })
    await entries.commit()
    expect(rows()).toEqual(python(read, path))
    expect(readFileSync(path).subarray(0, 3)).toEqual(Buffer.alloc(3))
    // Entries that were never used have no date at all.
    expect(entries.get(200)).toMatchObject({ name: '\0'.repeat(8), created: 0, accessed: 0, size: 0 })
    expect([...entries]).toHaveLength(224)
  })
})
