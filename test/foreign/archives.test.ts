/**
 * Archives: what tar and zip wrote, read through one schema, changed, and read by them again.
 */

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, bytes, dosDateTime, field, numberText, openFlatFile, u8, u16, u32, utf8 } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { describeWith, foreignFolder, python, run } from './support.ts'

const folder = foreignFolder()

/** The header of POSIX.1-1988 (ustar), one block of 512 bytes; GNU tar's differs in the magic. */
const TarHeader = z.object({
  name: utf8(100),
  mode: numberText(8, { radix: 8 }),
  uid: numberText(8, { radix: 8 }),
  gid: numberText(8, { radix: 8 }),
  size: numberText(12, { radix: 8 }),
  mtime: numberText(12, { radix: 8 }),
  checksum: numberText(8, { radix: 8, end: 'nul-space' }),
  kind: field(z.enum(['file', 'link', 'symlink', 'folder']), { codes: [48, 49, 50, 53], lenient: true }),
  linkName: utf8(100),
  magic: ascii(6, { padding: 'either' }),
  version: ascii(2, { padding: 'either' }),
  owner: utf8(32),
  group: utf8(32),
  major: numberText(8, { radix: 8 }),
  minor: numberText(8, { radix: 8 }),
  prefix: field(utf8(155), { width: 167 }),
})
const BLOCK = 512

describeWith(['tar'], 'tar', () => {
  test.each(['ustar', 'gnu'])(
    'headers are what tar lists, and what is changed in them it lists as well (%s)',
    async format => {
      const root = join(folder, format)
      mkdirSync(join(root, 'in'), { recursive: true })
      const sizes = [0, 1, 511, 512, 513, 100_000]
      for (const [i, size] of sizes.entries()) {
        const path = join(root, 'in', `fïle ${i}`)
        writeFileSync(path, Buffer.alloc(size, 65 + i), { mode: 0o640 + (i % 4) })
        utimesSync(path, 1_000_000_000 + i * 86_401, 1_000_000_000 + i * 86_401)
      }
      const archive = join(root, 'x.tar')
      run(
        'tar',
        [
          `--format=${format}`,
          '--sort=name',
          '--owner=0',
          '--group=7',
          '--numeric-owner',
          '-cf',
          archive,
          'in',
        ],
        root,
      )
      using flat = openFlatFile(archive, TarHeader)
      const headers = []
      for (let n = 0; n < flat.size && flat.field(n, 'name') !== ''; ) {
        const header = flat.get(n) as z.output<typeof TarHeader>
        headers.push({ n, ...header })
        n += 1 + Math.ceil(header.size / BLOCK)
      }
      const list = () =>
        run('tar', ['-tvf', archive, '--numeric-owner', '--full-time', '--quoting-style=literal'])
          .trimEnd()
          .split('\n')
      const shown = headers.map(({ name, mode, uid, gid, size, mtime, kind }) => {
        const flags = Array.from('rwxrwxrwx', (letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('')
        const time = new Date(mtime * 1000).toISOString().replace('T', ' ').slice(0, 19)
        return [`${kind === 'folder' ? 'd' : '-'}${flags}`, `${uid}/${gid}`, String(size), time, name]
      })
      const columns = (line: string): string[] => {
        const [flags, owner, size, day, time, ...name] = line.split(/ +/)
        return [flags, owner, size, `${day} ${time}`, name.join(' ')] as string[]
      }
      expect(shown).toEqual(list().map(columns))
      expect(headers.length).toBe(sizes.length + 1)
      expect(headers.every(({ magic }) => magic === 'ustar')).toBe(true)
      for (const { n, checksum } of headers) expect(checksum).toBe(checksumOf(archive, n))
      const { n } = headers.at(-1) as (typeof headers)[number]
      flat.update(n, { mtime: 1_234_567_890, mode: 0o700 })
      await flat.commit()
      flat.update(n, { checksum: checksumOf(archive, n) })
      await flat.commit()
      expect(list().at(-1)).toMatch(/^-rwx------ 0\/7 +100000 2009-02-13 23:31:30 in\/fïle 5$/)
    },
  )
})

const Octets = z.object({ before: bytes(148), sum: bytes(8), after: bytes(356) })

/** The sum of the bytes of a header, those of the sum itself as spaces. */
function checksumOf(archive: string, n: number): number {
  using flat = openFlatFile(archive, Octets, { readOnly: true })
  const { before, after } = flat.get(n) as z.output<typeof Octets>
  return [...before, ...after].reduce((sum, byte) => sum + byte, 8 * 0x20)
}

const LocalFile = z.object({
  magic: u32(),
  version: u16(),
  flags: u16(),
  method: field(z.enum(['stored', 'deflated']), { codes: [0, 8], width: 2, lenient: true }),
  modified: dosDateTime(),
  crc: u32(),
  packed: u32(),
  size: u32(),
  nameBytes: u16(),
  extraBytes: u16(),
  firstLetter: u8(),
})

describeWith(['zip', 'python3'], 'zip', () => {
  test('the time of DOS in a local header is what another reader says', () => {
    const path = join(folder, 'z.txt')
    writeFileSync(path, 'some text, some text, some text, some text')
    utimesSync(path, 1_700_000_001, 1_700_000_001)
    run('zip', ['-q', '-X', 'x.zip', 'z.txt'], folder)
    const archive = join(folder, 'x.zip')
    using flat = openFlatFile(archive, LocalFile, { count: 1, readOnly: true })
    const script = `import sys,zipfile,json
i=zipfile.ZipFile(sys.argv[1]).infolist()[0]
print(json.dumps([list(i.date_time),i.CRC,i.compress_size,i.file_size,i.compress_type]))`
    const { magic, modified, crc, packed, size, method, nameBytes, firstLetter } = flat.get(0) as z.output<
      typeof LocalFile
    >
    const date = [modified.getUTCFullYear(), modified.getUTCMonth() + 1, modified.getUTCDate()]
    const time = [modified.getUTCHours(), modified.getUTCMinutes(), modified.getUTCSeconds()]
    expect([[...date, ...time], crc, packed, size, method === 'deflated' ? 8 : 0]).toEqual(
      python(script, archive),
    )
    expect([magic, nameBytes, firstLetter]).toEqual([0x04034b50, 5, 0x7a])
  })
})
