/** What could go wrong: a key of a wrong type that compiles, a right one that does not. */

import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { expectTypeOf, it } from 'vitest'
import { Trade, temporaryFolder } from '../support.ts'

it('keys have the types of the fields that an index is on', () => {
  using store = openStore(join(temporaryFolder(), 'x.stride'), Trade, {
    indexes: { byId: { on: 'id', unique: true }, bySymbolTime: { on: ['symbol', 'time'], kind: 'ordered' } },
  })
  expectTypeOf(store.index('byId').get).parameter(0).toEqualTypeOf<number>()
  expectTypeOf(store.index('bySymbolTime').number).parameter(0).toEqualTypeOf<readonly [string, number]>()
  expectTypeOf(store.index('byId').get(1)).toEqualTypeOf<ReturnType<typeof store.get>>()
  const symbolOf = () => store.index('byId').field(1, 'symbol')
  expectTypeOf(symbolOf).returns.toEqualTypeOf<string>()
  const other: string = 'other'
  expectTypeOf(store.index.bind(store, other)).returns.toHaveProperty('range')
  // @ts-expect-error a string is no key of byId
  store.index('byId').number.bind(store.index('byId'), 'A')
  // A store with declared indexes is a store.
  const plain: Store<typeof Trade> = store
  expectTypeOf(plain.index('byId').get).parameter(0).toEqualTypeOf<unknown>()
  // @ts-expect-error there is no such field
  const wrong = () => openStore('x', Trade, { indexes: { a: { on: 'ident' } } })
  expectTypeOf(wrong).toBeFunction()
})
