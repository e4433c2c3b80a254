/**
 * What does a user read after one of the usual mistakes? What could go wrong: the message speaks of a file beside the store, of a
 * name inside the library, or of everything but the mistake. Each says what is wrong, and what to do. Callbacks that are not
 * done: callbacks.test.ts; options: ../options.test.ts.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  describe as describeLayout,
  field,
  migrateStore,
  migrateStoreAsync,
  openFlatFile,
  openStore,
  openStoreAsync,
} from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { codecOf, layoutOf } from 'stridedb/schema'
import { describe, expect, it, test } from 'vitest'
import { z } from 'zod'
import { z as z3 } from 'zod/v3'
import { ZOD_MIN } from '../../src/schema/zod-version.ts'
import { temporaryFolder } from './support.ts'

const Item = z.object({ x: z.uint32() })

/** As JavaScript may call. */
// biome-ignore lint/suspicious/noExplicitAny: what is given here has no type on purpose
type Given = any

async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing was thrown'
}

const itemStore = (path: string) => {
  const store = openStore(path, Item)
  store.append({ x: 1 })
  store.commitSync()
  return store
}

describe('a schema that was made by another Zod', () => {
  const Old: Given = z3.object({ x: z3.number() })
  const PLACES: Readonly<Record<string, (path: string) => unknown>> = {
    openStore: path => openStore(path, Old),
    'openStore with options': path => openStore(path, Old, {}),
    'openStore, in the place of the options': path => openStore(path, Item, Old),
    openStoreAsync: path => openStoreAsync(path, Old),
    openFlatFile: path => openFlatFile(path, Old),
    migrateStore: path => migrateStore(path, Old),
    migrateStoreAsync: path => migrateStoreAsync(path, Old),
    codecOf: () => codecOf(Old),
    layoutOf: () => layoutOf(Old),
    describe: () => describeLayout(Old),
    field: () => field(Old, { offset: 0 }),
    'a field': path => openStore(path, z.object({ x: Old })),
    'a nullable field': path => openStore(path, z.object({ x: z.uint32(), y: z.nullable(Old) })),
    'an element': path => openStore(path, z.object({ x: z.array(Old).length(2) })),
    'a part of a tuple': path => openStore(path, z.object({ x: z.tuple([z.uint32(), Old]) })),
    'a field of an object': path => openStore(path, z.object({ x: z.object({ y: Old }) })),
  }

  it.each(Object.keys(PLACES))('is named as one of Zod 3, with what to install: %s', async name => {
    const folder = temporaryFolder()
    const message = await messageOf(() => PLACES[name]?.(join(folder, 'x.stride')))
    expect(message).toContain('of Zod 3')
    expect(message).toContain(`npm install zod@^${ZOD_MIN.major}.${ZOD_MIN.minor}.0`)
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    [{ major: 4, minor: 4, patch: 3 }, 'made by Zod 4.4.3'],
    [{ major: 4, minor: 0, patch: 0 }, 'made by Zod 4.0.0'],
    [{ major: 5, minor: 0, patch: 1 }, 'made by Zod 5.0.1'],
    [undefined, 'made by an unknown version of Zod'],
  ])('is named with its version where that is too low or not known: %o', (version, says) => {
    const made = z.uint32()
    const other: Given = { _zod: { ...made._zod, version } }
    const open = (schema: Given) => () => openStore(join(temporaryFolder(), 'x.stride'), schema)
    expect(open(z.object({ x: other }))).toThrow(`The field 'x' has no layout: it was ${says}`)
    expect(open(other)).toThrow(`The schema has no layout: it was ${says}`)
  })

  it('is taken where it is of the lowest version, which is that of the peer dependency', () => {
    const { major, minor } = ZOD_MIN
    const version = { major, minor, patch: 0 }
    const made = z.uint32()
    const other: Given = { _zod: { ...made._zod, version } }
    expect(layoutOf(z.object({ x: other })).recordSize).toBe(4)
    const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(peerDependencies.zod).toBe(`^${major}.${minor}.0`)
  })

  it.each([
    ['undefined', undefined],
    ['a text', 'u32'],
    ['a class', Number],
    ['an object', { type: 'u32' }],
  ])('is said to be none where it is %s', (_, value: Given) => {
    const open = () => openStore(join(temporaryFolder(), 'x.stride'), z.object({ x: z.uint32(), y: value }))
    expect(open).toThrow("The field 'y' has no layout: it is not a Zod schema: ")
  })
})

describe('a folder that is not there', () => {
  const CALLS: Readonly<Record<string, (path: string) => unknown>> = {
    openStore: path => openStore(path, Item),
    'openStore without a schema': path => openStore(path),
    'openStore for reading': path => openStore(path, { readOnly: true }),
    'openStore by position': path => openStore(path, Item, { backend: 'file' }),
    "openStore with lock: 'process'": path => openStore(path, Item, { lock: 'process' }),
    openStoreAsync: path => openStoreAsync(path, Item),
    openFlatFile: path => openFlatFile(path, Item),
    migrateStore: path => migrateStore(path, Item),
    'FileMapping.open': path => FileMapping.open(path, { access: 'readwrite', size: 8 }),
    async backup(path) {
      using store = itemStore(join(temporaryFolder(), 'from.stride'))
      await store.backup(path)
    },
  }

  test.each(Object.keys(CALLS))('is named, with the file that was asked for: %s', async name => {
    const folder = temporaryFolder()
    const message = await messageOf(() => CALLS[name]?.(join(folder, 'some', 'where', 'x.stride')))
    expect(message).toContain(`the folder ${join(folder, 'some')} does not exist`)
    expect(message).toContain('x.stride')
    expect(message).not.toContain('x.stride-')
    expect(readdirSync(folder)).toEqual([])
  })

  test.each(Object.keys(CALLS))('is named where it is a file: %s', async name => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'some'), 'x')
    const message = await messageOf(() => CALLS[name]?.(join(folder, 'some', 'x.stride')))
    expect(message).toContain(`${join(folder, 'some')} is a file, not a folder`)
    expect(message).not.toContain('x.stride-')
  })

  test('is not spoken of where it is there', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    expect(await messageOf(() => openStore(path))).toBe(`${path} does not exist: give a schema to create it`)
    expect(await messageOf(() => openFlatFile(path, Item))).toContain('there is no such file')
    expect(await messageOf(() => openStore('/a/b/x.stride', { backend: 'memory' }))).not.toContain('folder')
  })
})

describe('a file that is no store', () => {
  test.each([{}, { readOnly: true }, { create: false }, { backend: 'file' }] as const)(
    'is said to be empty where it is, opened with %o',
    options => {
      const path = join(temporaryFolder(), 'x.stride')
      writeFileSync(path, '')
      expect(() => openStore(path, Item, options)).toThrow(
        `Not a store: ${path} is empty. Remove it, and opening with a schema creates a store of this name`,
      )
    },
  )

  test('is shown by its first bytes, and openFlatFile is named', () => {
    const path = join(temporaryFolder(), 'x.stride')
    for (const [text, bytes] of [
      ['abc', '616263'],
      ['hello, world', '68656c6c6f2c2077'],
    ] as const) {
      writeFileSync(path, text)
      expect(() => openStore(path, Item)).toThrow(
        `begins with the bytes 0x${bytes} instead of 'StrideDB'. openFlatFile`,
      )
    }
  })

  test('is a folder', () => {
    const path = join(temporaryFolder(), 'x.stride')
    mkdirSync(path)
    expect(() => openStore(path, Item)).toThrow('is a directory')
  })
})

test('progress that is no function is told what it must be, by each call that takes it', async () => {
  const path = join(temporaryFolder(), 'x.stride')
  const options: Given = { progress: 'x' }
  const store = itemStore(path)
  const calls = {
    backup: () => store.backup(`${path}-copy`, options),
    compact: () => store.compact(options),
    createIndex: () => store.createIndex('byX', { on: 'x' }, options),
    migrateStore: () => migrateStore(path, Item, undefined, options),
    migrateStoreAsync: () => migrateStoreAsync(path, Item, undefined, options),
  }
  for (const [name, call] of Object.entries(calls)) {
    expect(await messageOf(call)).toBe(`${name}: progress must be a function (done, total): 'x'`)
  }
  store.close()
})

test.each([
  ['a promise', async () => ({ x: 1 })],
  ['a generator', function* () {}],
])(
  'a function of migrateStore that returns %s is refused, and the store is as it was',
  async (kind, map: Given) => {
    const path = join(temporaryFolder(), 'x.stride')
    itemStore(path).close()
    for (const migrate of [migrateStore, migrateStoreAsync]) {
      expect(await messageOf(() => migrate(path, z.object({ x: z.float64() }), map))).toBe(
        `migrateStore takes a synchronous function, and for record 0 this one returned ${kind}`,
      )
    }
    expect(openStore(path, Item, { readOnly: true }).field(0, 'x')).toBe(1)
  },
)
