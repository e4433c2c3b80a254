/**
 * What does a user see whose program ends with an error of this library? What could go wrong: a bundle on one line is printed
 * before the message, a class or a function has a minified name, causes fill the screen. Each program runs as a process of its own
 * over the built package, and its whole stderr is looked at.
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { install } from './installed.ts'

const CHARACTERS_MAX = 2000
const LINE_MAX = 300
const HEAD = `
import { migrateStore, openFlatFile, openStore, openStoreAsync, StrideError } from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { layoutOf } from 'stridedb/schema'
import { z } from 'zod'
import { mkdtempSync, writeFileSync } from 'node:fs'
process.chdir(mkdtempSync('run-'))
const Item = z.object({ id: z.uint32(), price: z.float64().refine(price => price < 5, 'too dear') })
const item = id => ({ id, price: 1 })
const store = openStore('x.stride', Item, { indexes: { byId: { on: 'id', unique: true } } })
store.append(item(0))
store.commitSync()
`

interface Ending {
  readonly program: string
  /** The name of the error's class, its code where it has one, and a part of its message. */
  readonly says: string
  readonly code?: string
  /** A function of ours that the stack names. */
  readonly names: string
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  'no such file': {
    program: `openStore('absent.stride')`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_NOT_FOUND',
    names: 'openStore',
  },
  'no such file, by position': {
    program: `openStore('absent.stride', { backend: 'file' })`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_NOT_FOUND',
    names: 'openStore',
  },
  'no such folder': {
    program: `openStore('some/where/x.stride', Item)`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_NOT_FOUND',
    names: 'openStore',
  },
  'no store': {
    program: `writeFileSync('text', 'text'); openStore('text')`,
    says: 'StrideError: Not a store',
    code: 'ERR_STRIDE_NOT_A_STORE',
    names: 'readIdentity',
  },
  'another writer': {
    program: `openStore('x.stride', Item)`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_BUSY',
    names: 'StoreLock.take',
  },
  'another schema': {
    program: `store.close(); openStore('x.stride', z.object({ id: z.float64() }))`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_SCHEMA_MISMATCH',
    names: 'openStore',
  },
  'another schema, opened in turns': {
    program: `store.close(); await openStoreAsync('x.stride', z.object({ id: z.float64() }))`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_SCHEMA_MISMATCH',
    names: 'openStoreAsync',
  },
  'another writer, waited for in turns': {
    program: `await openStoreAsync('x.stride', Item, { lockTimeoutMs: 20 })`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_BUSY',
    names: 'openStoreAsync',
  },
  'no layout': {
    program: `layoutOf(z.object({ name: z.string() }))`,
    says: "StrideError: The field 'name' has no layout",
    code: 'ERR_STRIDE_LAYOUT',
    names: 'layoutOf',
  },
  'a record that does not fit': {
    program: `store.append({ id: -1, price: 1 })`,
    says: "StrideError: The field 'id' does not fit",
    code: 'ERR_STRIDE_RECORD',
    names: 'Store.append',
  },
  'a record of a batch': {
    program: `store.appendMany([item(1), { id: 2.5, price: 1 }])`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_RECORD',
    names: 'Store.appendMany',
  },
  'a change that does not fit': {
    program: `store.update(0, { id: '1' })`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_RECORD',
    names: 'Store.update',
  },
  'what Zod refuses': {
    program: `store.append({ id: 1, price: 7 })`,
    says: "StrideError: The field 'price' does not fit: too dear",
    code: 'ERR_STRIDE_RECORD',
    names: 'Store.append',
  },
  'a record of migrateStore': {
    program: `store.close(); migrateStore('x.stride', z.object({ id: z.uint32() }), () => ({ id: 'x' }))`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_RECORD',
    names: 'migrateStore',
  },
  'a key that is there': {
    program: `store.append(item(0))`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_DUPLICATE_KEY',
    names: 'Store.append',
  },
  'no record': {
    program: `store.field(7, 'id')`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_NO_RECORD',
    names: 'Store.field',
  },
  'a closed store': {
    program: `for (let i = 0; i < 1e5; i++) store.get(0); store.close(); store.get(0)`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_CLOSED',
    names: 'Store.get',
  },
  'a row of a closed store': {
    program: `const row = store.row(0); store.close(); row.price`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_CLOSED',
    names: 'get price',
  },
  'a row that was kept beyond its walk': {
    program: `const rows = [...store.scan()]; rows[0].price`,
    says: 'StrideError: This row was moved to each record of a walk in turn',
    code: 'ERR_STRIDE_ROW_ENDED',
    names: 'get price',
  },
  'a walk without a callback': {
    program: `store.scan().map('price')`,
    says: "TypeError: map takes a function: 'price'",
    names: 'Walk.map',
  },
  'a part of a walk that is none': {
    program: `store.scan().take(-1)`,
    says: 'RangeError: take takes a number from 0 on',
    names: 'Walk.take',
  },
  'a store for reading': {
    program: `openStore('x.stride', { readOnly: true }).append(item(1))`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_READ_ONLY',
    names: 'Store.append',
  },
  'an async transaction, awaited': {
    program: `await store.transaction(async tx => { await 0; throw new Error('lost') })`,
    says: 'StrideError: A transaction is synchronous',
    code: 'ERR_STRIDE_TRANSACTION',
    names: 'Store.transaction',
  },
  'an async transaction, not awaited': {
    program: `store.transaction(async tx => tx.append(item(1)))`,
    says: 'StrideError: A transaction is synchronous',
    code: 'ERR_STRIDE_TRANSACTION',
    names: 'Store.transaction',
  },
  'a part of a record': {
    program: `writeFileSync('odd', 'odd'); openFlatFile('odd', Item)`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_PARTIAL_RECORD',
    names: 'openFlatFile',
  },
  'an empty file': {
    program: `writeFileSync('empty', ''); FileMapping.open('empty')`,
    says: 'StrideError: ',
    code: 'ERR_STRIDE_EMPTY_FILE',
    names: 'FileMapping.open',
  },
  'a misspelt option': {
    program: `openStore('y.stride', Item, { readonly: true })`,
    says: "TypeError: openStore has no option 'readonly': did you mean 'readOnly'?",
    names: 'openStore',
  },
  'a text for a number': {
    program: `store.get('1')`,
    says: 'TypeError: A record number must be a number',
    names: 'Store.get',
  },
  'a number out of range': {
    program: `store.get(-1)`,
    says: 'RangeError: A record number must be a whole number',
    names: 'Store.get',
  },
  'no such index': {
    program: `store.index('byIdd')`,
    says: 'RangeError: ',
    names: 'Store.index',
  },
  'a view past the end': {
    program: `FileMapping.open('x.stride').view(0, 1e9)`,
    says: 'RangeError: ',
    names: 'FileMapping.view',
  },
  'a bug of the library': {
    // It counts the changes of a commit, and is told that a count is none.
    program: `store.append(item(1))
      const { isSafeInteger } = Number
      Number.isSafeInteger = value => isSafeInteger(value) && !/at putU64 /.test(new Error().stack)
      store.commitSync()`,
    says: 'InvariantError: ',
    names: 'Store.commitSync',
  },
  'an error of the program, thrown in a transaction': {
    program: `await store.transaction(() => { throw new Error('mine') })`,
    says: 'Error: mine',
    names: 'Store.transaction',
  },
}

/** What is wrong with what a process printed before it ended. */
function faultsOf(stderr: string, { says, code, names }: Ending): string[] {
  const lines = stderr.split('\n')
  const ours = lines.filter(line => line.includes('/stridedb/dist/'))
  const faults = {
    [`it prints ${stderr.length} characters`]: stderr.length >= CHARACTERS_MAX,
    'it prints a long line': lines.some(line => line.length > LINE_MAX),
    [`no line begins with '${says}'`]: !lines.some(line => line.startsWith(says)),
    [`it does not show ${code}`]: code !== undefined && !stderr.includes(`code: '${code}'`),
    [`its stack does not name ${names}`]: !ours.some(
      line => line.includes(`at ${names} (`) || line.includes(`at async ${names} (`),
    ),
    'no frame is ours': ours.length === 0,
    "no frame is the program's own": !/^ +at .*program\.mjs:\d+/m.test(stderr),
    'a name is minified': /^ +at (async |new |#)?([A-Za-z_$]{1,2}\.)?[A-Za-z_$]{1,2} \(.*stridedb\/dist/m.test(
      stderr,
    ),
  }
  return Object.entries(faults).flatMap(([fault, is]) => (is ? [fault] : []))
}

it('shows what is wrong, and where, on less than a screen, whatever the class of the error', () => {
  const { folder } = install()
  const found: Record<string, string> = {}
  for (const [name, ending] of Object.entries(ENDINGS)) {
    const program = join(folder, 'program.mjs')
    writeFileSync(program, HEAD + ending.program)
    const { status, stderr } = spawnSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' })
    const faults = faultsOf(stderr, ending)
    if (status !== 1) faults.push(`it ended with ${status}`)
    if (faults.length > 0) found[name] = `${faults.join(', ')}:\n${stderr}`
  }
  expect(found).toEqual({})
})

it('has no source maps, since the package holds no sources', () => {
  const { folder } = install()
  const dist = join(folder, 'node_modules/stridedb/dist')
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  expect(files.filter(file => file.endsWith('.map'))).toEqual([])
  const scripts = files.filter(file => file.endsWith('.js'))
  expect(scripts.length).toBeGreaterThan(3)
  for (const file of scripts) expect(readFileSync(join(dist, file), 'utf8')).not.toContain('sourceMappingURL')
})
