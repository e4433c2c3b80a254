/**
 * The caller's code runs in the middle of writes: getters of records, iterables, refinements, callbacks. What could go wrong: it
 * calls back into the same store or flat file, and a change is torn or lost, or the store is closed under its own write. The
 * tables try every call from every such place; each answers right or is refused with ERR_STRIDE_TRANSACTION.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FlatFile, openFlatFile, openStore, type Transaction } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, temporaryFolder } from './support.ts'

/** Called by the refinement of `value`. */
let whileRefining: (() => void) | undefined
const Item = z.object({
  key: z.uint32(),
  value: z.uint32().refine(() => {
    const call = whileRefining
    whileRefining = undefined
    call?.()
    return true
  }),
})
type Item = z.output<typeof Item>
const INDEXES = { byKey: { on: 'key', kind: 'ordered' } } as const
const open = (path: string, backend: 'mapped' | 'file' | 'memory') =>
  openStore(path, Item, { backend, indexes: INDEXES })
type ItemStore = ReturnType<typeof open>

/** A record whose `value` runs `call` whenever it is read. */
function calling(call: () => void, { key, value }: Item): Item {
  return {
    key,
    get value() {
      call()
      return value
    },
  }
}

/** Every place where the caller's code runs while a store writes, and what the store holds afterwards. */
const PLACES: Readonly<Record<string, (store: ItemStore, call: () => void) => Promise<unknown> | undefined>> = {
  'a getter of append': (store, call) => void store.append(calling(call, { key: 9, value: 99 })),
  'a getter of update': (store, call) => void store.update(1, calling(call, { key: 9, value: 99 })),
  'a getter of put': (store, call) => void store.put(1, calling(call, { key: 9, value: 99 })),
  'an iterable of appendMany': (store, call) =>
    void store.appendMany(
      (function* () {
        yield { key: 9, value: 99 }
        call()
        yield { key: 10, value: 100 }
      })(),
    ),
  'a getter in appendMany': (store, call) =>
    void store.appendMany([{ key: 9, value: 99 }, calling(call, { key: 10, value: 100 })]),
  'a refinement': (store, call) => {
    whileRefining = call
    store.update(1, { key: 9, value: 99 })
    return undefined
  },
  'a transaction': (store, call) =>
    store.transaction(tx => {
      tx.update(1, { key: 9, value: 99 })
      call()
    }),
  'a getter in a transaction': (store, call) =>
    store.transaction(tx => tx.update(1, calling(call, { key: 9, value: 99 }))),
}

const CHANGES: Readonly<Record<string, (store: ItemStore) => unknown>> = {
  append: store => store.append({ key: 70, value: 70 }),
  appendMany: store => store.appendMany([{ key: 70, value: 70 }]),
  update: store => store.update(0, { value: 70 }),
  put: store => store.put(0, { key: 70, value: 70 }),
  delete: store => store.delete(0),
  commit: store => store.commit(),
  commitSync: store => store.commitSync(),
  rollback: store => store.rollback(),
  transaction: store => store.transaction(tx => tx.delete(0)),
  compact: store => store.compact(),
  createIndex: store => store.createIndex('byValue', { on: 'value' }),
  dropIndex: store => store.dropIndex('byKey'),
  close: store => store.close(),
  closeAsync: store => store.closeAsync(),
}

type ItemTransaction = Transaction<typeof Item, typeof INDEXES>
/** The same changes through a transaction. */
const OWN_CHANGES: Readonly<Record<string, (tx: ItemTransaction) => unknown>> = {
  append: tx => tx.append({ key: 70, value: 70 }),
  appendMany: tx => tx.appendMany([{ key: 70, value: 70 }]),
  update: tx => tx.update(0, { value: 70 }),
  put: tx => tx.put(0, { key: 70, value: 70 }),
  delete: tx => tx.delete(0),
}
/** Every place where the caller's code runs while a transaction writes. */
const OWN_PLACES: Readonly<Record<string, (tx: ItemTransaction, call: () => void) => void>> = {
  'a getter of append': (tx, call) => void tx.append(calling(call, { key: 9, value: 99 })),
  'a getter of update': (tx, call) => tx.update(1, calling(call, { key: 9, value: 99 })),
  'a getter of put': (tx, call) => tx.put(1, calling(call, { key: 9, value: 99 })),
  'an iterable of appendMany': (tx, call) =>
    void tx.appendMany(
      (function* () {
        yield { key: 9, value: 99 }
        call()
        yield { key: 10, value: 100 }
      })(),
    ),
  'a refinement': (tx, call) => {
    whileRefining = call
    tx.update(1, { key: 9, value: 99 })
  },
}

/** What is allowed there, and answers as if it were asked before the change or after it. */
const READS: Readonly<Record<string, (store: ItemStore) => unknown>> = {
  get: store => expect(store.get(0)).toEqual({ key: 0, value: 0 }),
  getMany: store => expect(store.getMany([2, 0])).toEqual([2, 0].map(n => ({ key: n, value: n }))),
  gather: store => expect([...store.gather('value', [2, 0])]).toEqual([2, 0]),
  scan: store => expect(Array.from(store.scan({ to: 1 }), row => row.value)).toEqual([0]),
  objects: store => expect([...store][0]).toEqual({ key: 0, value: 0 }),
  index: store => expect(store.index('byKey').number(2)).toBe(2),
  range: store =>
    expect(Array.from(store.index('byKey').range({ gte: 2, lt: 3 }), row => row.value)).toEqual([2]),
  read: store => expect(store.read(() => store.field(2, 'value'))).toBe(2),
  trim: store => store.trim(),
  stats: store => expect(store.stats().commits).toBeGreaterThan(0),
  prefetch: store => store.prefetch(),
  flush: store => store.flush(),
  checkpoint: store => store.checkpoint(),
  verify: store => store.verify(),
}

async function endOf(call: () => unknown): Promise<string> {
  try {
    const result = call()
    return result instanceof Promise ? await codeOfAsync(result) : 'nothing was thrown'
  } catch (error) {
    return codeOfAsync(Promise.reject(error))
  }
}

describe.each(['mapped', 'file', 'memory'] as const)('in the middle of a write, %s', backend => {
  const opened = (): ItemStore => {
    const store = open(join(temporaryFolder(), 'items.stride'), backend)
    store.appendMany([0, 1, 2].map(key => ({ key, value: key })))
    store.commitSync()
    return store
  }
  const expected = (place: string): Item[] => {
    const items = [0, 1, 2].map(key => ({ key, value: key }))
    if (place.includes('append')) items.push({ key: 9, value: 99 })
    if (place.includes('appendMany')) items.push({ key: 10, value: 100 })
    if (!place.includes('append')) items[1] = { key: 9, value: 99 }
    return items
  }

  test.each(Object.keys(PLACES))('from %s every change is refused, and nothing is torn', async place => {
    for (const [name, change] of Object.entries(CHANGES)) {
      const store = opened()
      const ends: Promise<string>[] = []
      const written = PLACES[place]?.(store, () => ends.push(endOf(() => change(store))))
      expect([name, ...new Set(await Promise.all(ends))]).toEqual([name, 'ERR_STRIDE_TRANSACTION'])
      await written
      await store.commit()
      expect([name, [...store]]).toEqual([name, expected(place)])
      expect(store.index('byKey').number(9)).toBe(place.includes('append') ? 3 : 1)
      expect((await store.verify()).findings).toEqual([])
      store.close()
      if (backend !== 'memory') {
        using again = open(store.path, backend)
        expect([...again]).toEqual(expected(place))
      }
    }
  })

  test('a transaction refuses its own changes from inside one of them, and nothing is torn', async () => {
    for (const inner of Object.keys(OWN_CHANGES)) {
      for (const outer of Object.keys(OWN_PLACES)) {
        const store = opened()
        const codes: string[] = []
        await store.transaction(tx =>
          OWN_PLACES[outer]?.(tx, () => codes.push(codeOf(() => OWN_CHANGES[inner]?.(tx)))),
        )
        expect([inner, outer, ...new Set(codes)]).toEqual([inner, outer, 'ERR_STRIDE_TRANSACTION'])
        expect([inner, outer, [...store]]).toEqual([inner, outer, expected(outer)])
        expect((await store.verify()).findings).toEqual([])
        store.close()
      }
    }
  })

  test.each(Object.keys(PLACES))('from %s reads answer, and nothing is torn', async place => {
    const store = opened()
    const ends: [string, Promise<string>][] = []
    const reads = Object.entries(READS)
    const written = PLACES[place]?.(store, () => {
      for (const [name, read] of reads) ends.push([name, endOf(() => read(store))])
    })
    for (const [name, end] of ends) expect([name, await end]).toEqual([name, 'nothing was thrown'])
    expect(ends.length).toBeGreaterThanOrEqual(reads.length)
    await written
    await store.commit()
    expect([...store]).toEqual(expected(place))
    store.close()
  })

  test('another store of the same schema may be written to', async () => {
    const [one, other] = [opened(), opened()]
    one.update(
      1,
      calling(
        () =>
          other.update(
            1,
            calling(() => other.get(1), { key: 20, value: 200 }),
          ),
        { key: 9, value: 99 },
      ),
    )
    one.appendMany([
      calling(() => other.append({ key: 21, value: 201 }), { key: 10, value: 100 }),
      calling(() => other.commitSync(), { key: 11, value: 101 }),
    ])
    await one.commit()
    expect(one.getMany([1, 3, 4]).map(item => item?.value)).toEqual([99, 100, 101])
    expect(other.getMany([1, 3]).map(item => item?.value)).toEqual([200, 201])
    expect([one.index('byKey').number(9), other.index('byKey').number(20)]).toEqual([1, 1])
    one.close()
    other.close()
  })

  test('a refused batch is dropped whole, also where its iterable reads or writes as it ends', () => {
    const store = opened()
    const ends: unknown[] = []
    let row: { readonly value: number } | undefined
    const batch = {
      [Symbol.iterator]: () => ({
        next: () => ({
          done: false,
          value: ends.length++ < 3 ? { key: 50, value: 50 } : { key: -1, value: 0 },
        }),
        return: () => {
          ends.push(store.count)
          row = store.row(3)
          expect(row.value).toBe(50)
          expect(() => store.rollback()).toThrow('appendMany')
          return { done: true, value: undefined }
        },
      }),
    }
    expect(() => store.appendMany(batch as never)).toThrow('of the batch')
    expect([store.count, store.index('byKey').has(50)]).toEqual([3, false])
    expect(codeOf(() => row?.value)).toBe('ERR_STRIDE_NO_RECORD')
    expect([store.get(3), store.index('byKey').get(50)]).toEqual([undefined, undefined])
    store.close()
  })
})

describe.each(['mapped', 'file'] as const)('in the middle of a write to a flat file, %s', backend => {
  const opened = (): FlatFile<typeof Item> => {
    const path = join(temporaryFolder(), 'items.bin')
    writeFileSync(path, Buffer.alloc(24))
    return openFlatFile(path, Item, { backend })
  }
  const places: Readonly<Record<string, (file: FlatFile<typeof Item>, call: () => void) => void>> = {
    'a getter of update': (file, call) => file.update(1, calling(call, { key: 9, value: 99 })),
    'a getter of put': (file, call) => file.put(1, calling(call, { key: 9, value: 99 })),
    'a refinement': (file, call) => {
      whileRefining = call
      file.update(1, { key: 9, value: 99 })
    },
  }
  const changes: Readonly<Record<string, (file: FlatFile<typeof Item>) => unknown>> = {
    update: file => file.update(0, { value: 70 }),
    put: file => file.put(0, { key: 70, value: 70 }),
    commit: file => file.commit(),
    commitSync: file => file.commitSync(),
    rollback: file => file.rollback(),
    close: file => file.close(),
    closeAsync: file => file.closeAsync(),
    dispose: file => file[Symbol.dispose](),
  }

  test.each(Object.keys(places))('from %s every change is refused, and nothing is torn', async place => {
    for (const [name, change] of Object.entries(changes)) {
      const file = opened()
      const ends: Promise<string>[] = []
      places[place]?.(file, () => ends.push(endOf(() => change(file))))
      expect([name, ...new Set(await Promise.all(ends))]).toEqual([name, 'ERR_STRIDE_TRANSACTION'])
      expect(file.get(1)).toEqual({ key: 9, value: 99 })
      await file.commit()
      file.close()
      const bytes = readFileSync(file.path)
      expect([bytes.readUInt32LE(8), bytes.readUInt32LE(12), bytes.readUInt32LE(0)]).toEqual([9, 99, 0])
    }
  })
})
