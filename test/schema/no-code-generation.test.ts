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

function run(script: string, ...flags: string[]): unknown[] {
  const args = [...flags, childScript(script)]
  return JSON.parse(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })) as unknown[]
}

it('yields to the plain codec under --disallow-code-generation-from-strings', () => {
  const [compiled, ...same] = run(SCRIPT)
  const [yielded, ...alike] = run(SCRIPT, '--disallow-code-generation-from-strings')
  expect([compiled, yielded]).toEqual([true, false])
  expect(alike).toEqual(same)
  expect(alike).toEqual(['070000006f6b00000000000000', { id: 7, name: 'ok' }, [7], 'function', 'function'])
})

const INHERITED = `
import { z } from 'zod'
import { codecOf } from 'src/schema/index.ts'
const codec = codecOf(z.object({ a: z.uint32(), toString: z.uint32(), in: z.object({ constructor: z.uint32() }) }))
Object.defineProperty(Object.prototype, 'a', { get: () => 77, set: () => {} })
Object.freeze(Object.prototype)
const bytes = Buffer.alloc(codec.layout.recordSize)
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const record = JSON.parse('{"a":1,"toString":2,"in":{"constructor":3}}')
codec.encode(record, view, bytes, 0)
const { a, toString, in: inner } = codec.decode(view, bytes, 0)
codec.patch(JSON.parse('{"toString":4}'), view, bytes, 0)
console.log(JSON.stringify([codec.compiled, bytes.toString('hex'), a, toString, inner.constructor]))
`

it('writes and reads fields whose names Object.prototype has a setter for, or froze', () => {
  for (const flags of [[], ['--disallow-code-generation-from-strings']]) {
    expect(run(INHERITED, ...flags).slice(1)).toEqual(['010000000400000003000000', 1, 2, 3])
  }
})
