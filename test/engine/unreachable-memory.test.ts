/**
 * What a program can reach from what it is handed. What could go wrong: a property, a symbol, a getter or a prototype leads to
 * mapped memory; a copy of a row (spread, clone, logging, a test matcher) then holds it, and a store into it ends the process.
 * The crawl goes wherever JavaScript goes without a debugger.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { openFlatFile, openStore, type StrideError } from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.uint32(), text: z.enum(['a', 'b']) })
const INDEXES = {
  byKey: { on: 'key', kind: 'ordered' },
  byValue: { on: 'value', kind: 'hash', unique: true },
} as const
const items = Array.from({ length: 100 }, (_, i) => ({ key: i, value: i, text: 'a' as const }))

/** Paths to memory and to internals that hand out memory, from an object on. */
function memoryBehind(root: object): string[] {
  const found: string[] = []
  const seen = new Set<unknown>()
  const visit = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
    seen.add(value)
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer || ArrayBuffer.isView(value)) {
      found.push(path)
      return
    }
    for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
      if (at === Object.prototype || at === Function.prototype || at === Array.prototype) break
      for (const name of Reflect.ownKeys(at)) {
        const { value: own, get } = Object.getOwnPropertyDescriptor(at, name) as PropertyDescriptor
        const step = `${path}.${String(name)}`
        visit(own, step)
        if (get === undefined) continue
        try {
          visit(get.call(value), step)
        } catch {
          // A getter of another object's.
        }
      }
    }
  }
  visit(root, 'it')
  return found
}

/** Symbols that a program may find: those that the language or Node has given a meaning. */
function strangeSymbols(root: object): string[] {
  const known = [Symbol.iterator, Symbol.dispose, Symbol.asyncDispose, Symbol.for('nodejs.util.inspect.custom')]
  const strange: string[] = []
  for (let at: object | null = root; at !== null; at = Object.getPrototypeOf(at)) {
    if ([Object.prototype, Function.prototype, Array.prototype].includes(at)) break
    for (const symbol of Object.getOwnPropertySymbols(at)) {
      // Registered ones are marks for other copies of the library.
      if (!known.includes(symbol as never) && Symbol.keyFor(symbol) === undefined) strange.push(String(symbol))
    }
  }
  return strange
}

function errorOf(call: () => unknown): object {
  try {
    call()
  } catch (error) {
    return error as object
  }
  throw new Error('nothing was thrown')
}

/** Everything that a store hands out, over records that are mapped and over staged ones. */
async function handedOut(): Promise<{ objects: Record<string, object>; end: () => void }> {
  const path = join(temporaryFolder(), 'items.stride')
  const store = openStore(path, Item, { backend: 'mapped', indexes: INDEXES })
  store.appendMany(items)
  store.commitSync()
  await store.checkpoint()
  for (let round = 0; round < 50; round++) {
    for (let n = 0; n < 100; n++)
      expect(store.index('byValue').number(n) + (store.get(n)?.key ?? -1)).toBe(2 * n)
  }
  const scan = store.scan()
  scan.next()
  const objects = store[Symbol.iterator]()
  objects.next()
  const range = store.index('byKey').range()
  range.next()
  const stagedRow = store.row(store.append({ key: 500, value: 500, text: 'b' }))
  const updated = store.row(3)
  store.update(3, { key: 7 })
  expect([stagedRow.key, updated.key]).toEqual([500, 7])
  const reader = openStore(path, Item, { readOnly: true, indexes: INDEXES })
  const readerRow = reader.row(5)
  for (let n = 0; n < 50; n++) reader.get(n)
  const flat = openFlatFile(path, Item, { offset: 4096, count: 1, backend: 'mapped' })
  const flatRow = flat.row(0)
  expect([readerRow.key, typeof flatRow.key]).toEqual([5, 'number'])
  const kept: object[] = []
  store.rollback()
  await store.transaction(tx => {
    const inside = tx.scan()
    inside.next()
    kept.push(tx, tx.row(tx.append({ key: 501, value: 501, text: 'b' })), inside, tx.index('byValue'))
  })
  return {
    objects: {
      store,
      reader,
      flat,
      row: scan.next().value,
      rangeRow: range.next().value,
      'the same, copied': { ...scan.next().value },
      'an object as one step gives it': { ...objects.next() },
      'a step of a range': { ...range.next() },
      updated,
      readerRow,
      flatRow,
      scan,
      objects,
      range,
      hash: store.index('byValue'),
      ordered: store.index('byKey'),
      ...Object.fromEntries(kept.entries()),
      stats: store.stats(),
      recovery: store.recovery,
      indexes: store.indexes,
      verified: await store.verify(),
      'a refusal': errorOf(() => store.append({ key: -1, value: 0, text: 'a' })),
      'no record': errorOf(() => store.row(4_000)),
      'a duplicate': errorOf(() => store.append({ key: 0, value: 1, text: 'a' })),
      // The classes themselves.
      storeClass: store.constructor,
      rowClass: updated.constructor,
      scanClass: scan.constructor,
    },
    end: () => {
      for (const each of [store, reader, flat]) each.close()
    },
  }
}

describe('what is handed out', () => {
  test('leads to no memory, by no property, symbol, getter or prototype', async () => {
    const { objects, end } = await handedOut()
    const found = Object.entries(objects).map(([name, object]) => [name, memoryBehind(object)])
    const strange = Object.entries(objects).map(([name, object]) => [name, strangeSymbols(object)])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(Object.keys(objects).map(name => [name, []])))
    expect(Object.fromEntries(strange)).toEqual(
      Object.fromEntries(Object.keys(objects).map(name => [name, []])),
    )
    end()
  })

  test('shows none when it is copied, cloned, printed or turned into JSON', async () => {
    const { objects, end } = await handedOut()
    for (const object of Object.values(objects)) {
      const printed = inspect(object, { showHidden: true, depth: 20, getters: true, maxArrayLength: 10 })
      expect(printed).not.toMatch(/ArrayBuffer|Buffer|DataView|Uint\dArray/)
      const copy = Object.assign({}, object)
      expect(Reflect.ownKeys(copy).filter(key => typeof key === 'symbol')).toEqual([])
      expect(
        JSON.stringify(copy, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      ).not.toMatch(/"bytes"|"view"|"buffer"/)
    }
    const { updated: row } = objects as { updated: { number: number; toObject(): object } }
    expect(structuredClone(row)).toEqual({})
    expect({ ...row }).toEqual({})
    expect(inspect(row)).toBe(inspect({ number: 3, ...row.toObject() }))
    end()
    expect(inspect(row)).toContain('is closed')
    expect((errorOf(() => row.toObject()) as StrideError).code).toBe('ERR_STRIDE_CLOSED')
  })

  test('is crawled by something that finds memory where there is some', () => {
    const path = join(temporaryFolder(), 'bytes.bin')
    writeFileSync(path, Buffer.alloc(64))
    const mapping = FileMapping.open(path)
    expect(memoryBehind(mapping.view()).sort()).toEqual(['it.bytes', 'it.dataView'])
    expect(memoryBehind({ a: [{ [Symbol('hidden')]: new DataView(new ArrayBuffer(8)) }] })).toEqual([
      'it.a.0.Symbol(hidden)',
    ])
    mapping.close()
  })
})
