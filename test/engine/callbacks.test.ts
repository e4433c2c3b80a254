/**
 * User code runs in the middle of calls: iterables, getters of records, transactions. What could go wrong: it commits,
 * rolls back or closes the store under the call, and a half of it is kept, or the file says what nobody wrote.
 */

import { join } from 'node:path'
import { openFlatFile, openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { codeOf, codeOfAsync, Point, temporaryFolder } from './support.ts'

type PointStore = Store<typeof Point>

const CALLS: readonly (readonly [string, (store: PointStore) => unknown])[] = [
  ['commitSync', store => store.commitSync()],
  ['rollback', store => store.rollback()],
  ['append', store => store.append({ x: 9, tag: 9 })],
  ['close', store => store.close()],
]
const ASYNC_CALLS: readonly (readonly [string, (store: PointStore) => Promise<unknown>])[] = [
  ['commit', store => store.commit()],
  ['transaction', store => store.transaction(() => 0)],
  ['compact', store => store.compact()],
  ['closeAsync', store => store.closeAsync()],
]

function three(): { readonly store: PointStore; readonly path: string } {
  const path = join(temporaryFolder(), 'points.stride')
  const store = openStore(path, Point)
  store.appendMany([1, 2, 3].map(x => ({ x, tag: x })))
  store.commitSync()
  return { store, path }
}

/** What is there now, and after the store was closed and opened again. */
function xs(store: PointStore): number[] {
  return [...store.gather('x')]
}

describe('inside an iterable', () => {
  test.each(CALLS)('%s is refused, and the batch is whole', (_, call) => {
    const { store, path } = three()
    const codes: unknown[] = []
    function* records(): Generator<{ x: number; tag: number }> {
      yield { x: 10, tag: 0 }
      codes.push(codeOf(() => call(store)))
      yield { x: 11, tag: 0 }
    }
    expect(store.appendMany(records())).toEqual({ first: 3, count: 2 })
    expect(codes).toEqual(['ERR_STRIDE_TRANSACTION'])
    store.commitSync()
    store.close()
    expect(xs(openStore(path, Point, { readOnly: true }))).toEqual([1, 2, 3, 10, 11])
  })

  test.each(ASYNC_CALLS)('%s is refused, and a bad record undoes the batch', async (_, call) => {
    const { store } = three()
    const codes: Promise<unknown>[] = []
    function* records(): Generator<{ x: number; tag: number }> {
      yield { x: 10, tag: 0 }
      codes.push(codeOfAsync(call(store)))
      yield { x: 11, tag: -1 }
    }
    expect(codeOf(() => store.appendMany(records()))).toBe('ERR_STRIDE_RECORD')
    expect(await Promise.all(codes)).toEqual(['ERR_STRIDE_TRANSACTION'])
    expect(xs(store)).toEqual([1, 2, 3])
    store.close()
  })
})

test('a getter of a record that rolls back is refused, and the commit can be opened', () => {
  const { store, path } = three()
  store.append({ x: 4, tag: 4 })
  const change = {
    get x(): number {
      store.rollback()
      return 5
    },
  }
  expect(codeOf(() => store.update(3, change))).toBe('ERR_STRIDE_TRANSACTION')
  store.commitSync()
  store.close()
  expect(xs(openStore(path, Point))).toEqual([1, 2, 3, 4])
})

describe('inside a transaction', () => {
  test('close and closeAsync are refused', async () => {
    const { store } = three()
    expect(await codeOfAsync(store.transaction(() => store.close()))).toBe('ERR_STRIDE_TRANSACTION')
    const codes: Promise<unknown>[] = []
    await store.transaction(tx => {
      tx.append({ x: 4, tag: 4 })
      codes.push(codeOfAsync(store.closeAsync()))
    })
    expect(await Promise.all(codes)).toEqual(['ERR_STRIDE_TRANSACTION'])
    expect(xs(store)).toEqual([1, 2, 3, 4])
    store.close()
  })
})

describe('a walk', () => {
  test('ends early where a rollback moves the end back', () => {
    const { store } = three()
    store.appendMany([4, 5].map(x => ({ x, tag: x })))
    const seen: number[] = []
    for (const row of store.scan()) {
      seen.push(row.x)
      if (row.x === 2) store.rollback()
    }
    expect(seen).toEqual([1, 2, 3])
    store.appendMany([4, 5].map(x => ({ x, tag: x })))
    const objects: number[] = []
    for (const { x } of store) {
      objects.push(x)
      if (x === 2) store.rollback()
    }
    expect(objects).toEqual([1, 2, 3])
    store.close()
  })
})

describe('under a steady load of commits', () => {
  async function load(store: PointStore, until: Promise<unknown>): Promise<void> {
    let over = false
    void until.finally(() => {
      over = true
    })
    for (let i = 0; !over; i++) {
      store.update(i % 3, { x: i })
      await store.commit()
    }
  }

  test('checkpoint comes to its end', async () => {
    const { store } = three()
    store.update(0, { x: 7 })
    await store.commit()
    const checkpoint = new Promise(setImmediate).then(() => store.checkpoint())
    await Promise.all([load(store, checkpoint), load(store, checkpoint), checkpoint])
    expect(store.stats().checkpoints).toBeGreaterThan(0)
    await store.checkpoint()
    expect(store.stats().journalBytes).toBe(0)
    store.close()
  })

  test('closeAsync comes to its end, and refuses new commits', async () => {
    const { store, path } = three()
    const never = new Promise<never>(() => undefined)
    const loads = [load(store, never), load(store, never)].map(each => codeOfAsync(each))
    await new Promise(resolve => setTimeout(resolve, 20))
    await store.closeAsync()
    expect(await Promise.all(loads)).toEqual(['ERR_STRIDE_CLOSED', 'ERR_STRIDE_CLOSED'])
    expect(openStore(path, Point).recovery.commitsReplayed).toBe(0)
  })
})

describe('a callback that is not done when it returns', () => {
  /** As JavaScript calls: the types refuse all of these. */
  const UNFINISHED: readonly (readonly [string, string, () => never])[] = [
    ['an async function', 'a promise', (async () => 0) as () => never],
    [
      'an async function that throws',
      'a promise',
      (async () => Promise.reject(new Error('lost'))) as () => never,
    ],
    ['a function that returns a promise', 'a promise', (() => Promise.resolve(0)) as () => never],
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    ['a function that returns a thenable', 'a promise', (() => ({ then: () => 0 })) as () => never],
    ['a generator', 'a generator', function* () {} as () => never],
    ['an async generator', 'a generator', async function* () {} as () => never],
  ]

  test.each(UNFINISHED)('is refused by read: %s', (_, kind, callback) => {
    const { store, path } = three()
    const flat = openFlatFile(path, Point, { offset: store.layout.recordSize, count: 1, readOnly: true })
    const reader = openStore(path, Point, { readOnly: true })
    for (const records of [store, reader, flat]) {
      expect(() => records.read(callback)).toThrow(TypeError)
      expect(() => records.read(callback)).toThrow(
        `read takes a synchronous function, and this one returned ${kind}`,
      )
      // It did not stay in the reading that was refused.
      expect(records.read(() => records.size)).toBe(records.size)
      records.close()
    }
  })

  test.each(UNFINISHED)('is refused by transaction, which changes nothing: %s', async (_, kind, callback) => {
    const { store } = three()
    const writes = (tx: { append(record: { x: number; tag: number }): number }) => {
      tx.append({ x: 4, tag: 4 })
      return callback()
    }
    const refused = store.transaction(writes)
    await expect(refused).rejects.toThrow(kind === 'a promise' ? 'returned a promise' : 'is a generator')
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STRIDE_TRANSACTION' })
    expect(xs(store)).toEqual([1, 2, 3])
    store.close()
  })
})

describe('a transaction inside another one', () => {
  const NESTED: readonly (readonly [string, (store: PointStore) => Promise<unknown>])[] = [
    [
      'whose promise is returned',
      store => store.transaction((() => store.transaction(() => 0)) as () => never),
    ],
    [
      'that is awaited',
      store => store.transaction((async () => await store.transaction(() => 0)) as () => never),
    ],
    [
      'whose promise is kept',
      async store => {
        let inner: Promise<unknown> | undefined
        await store.transaction(tx => {
          inner = store.transaction(() => 0)
          inner.catch(() => undefined)
          tx.append({ x: 4, tag: 4 })
        })
        await inner
      },
    ],
  ]

  test.each(NESTED)('is refused by name: %s', async (name, nest) => {
    const { store } = three()
    const nested = nest(store)
    await expect(nested).rejects.toThrow('Transactions do not nest')
    await expect(nested).rejects.toMatchObject({ code: 'ERR_STRIDE_TRANSACTION' })
    expect(xs(store)).toEqual(name === 'whose promise is kept' ? [1, 2, 3, 4] : [1, 2, 3])
    await store.transaction(tx => tx.append({ x: 5, tag: 5 }))
    store.close()
  })
})
