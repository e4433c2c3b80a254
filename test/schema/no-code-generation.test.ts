/**
 * What happens where code generation is forbidden? The plain codec answers, and the bytes are the same.
 */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { childScript } from '../child-scripts.ts'

const SCRIPT = `
import { z } from 'zod'
import { ascii, codecOf, ReaderBase, RowBase } from 'src/schema/index.ts'
const codec = codecOf(z.object({ id: z.uint32(), name: ascii(8).nullable() }))
const bytes = Buffer.alloc(codec.layout.recordSize)
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
codec.encode({ id: 7, name: 'ok' }, view, bytes, 0)
const column = codec.column('id')
const out = column.allocate(1)
column.span(view, bytes, 0, 1, out, 0)
console.log(JSON.stringify([codec.compiled, bytes.toString('hex'), codec.decode(view, bytes, 0), [...out], typeof codec.rowClass(RowBase), typeof codec.readerClass(ReaderBase)]))
`

const cwd = fileURLToPath(new URL('../..', import.meta.url))

function run(...flags: string[]): unknown[] {
  const args = [...flags, childScript(SCRIPT)]
  return JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })) as unknown[]
}

it('yields to the plain codec under --disallow-code-generation-from-strings', () => {
  const [compiled, ...same] = run()
  const [yielded, ...alike] = run('--disallow-code-generation-from-strings')
  expect([compiled, yielded]).toEqual([true, false])
  expect(alike).toEqual(same)
  expect(alike).toEqual(['070000006f6b00000000000000', { id: 7, name: 'ok' }, [7], 'function', 'function'])
})
