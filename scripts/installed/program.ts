// The same with types: what they say of records, columns, keys and rows, and what they refuse. Compiled by scripts/test-installed.mjs
// with the compilers, the resolutions and the versions of Zod that the package names.

import {
  ascii,
  type Infer,
  openFlatFile,
  openStore,
  openStoreAsync,
  type Store,
  StrideError,
  u8,
} from 'stridedb'
import { FileMapping, type MappedView } from 'stridedb/mmap'
import { codecOf, layoutOf } from 'stridedb/schema'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>): void {}

const Tick = z.object({
  id: z.uint32(),
  signed: z.int32(),
  price: z.float64().min(0),
  ratio: z.float32(),
  flags: u8(),
  symbol: ascii(8),
  volume: z.uint64(),
  delta: z.int64().nullable(),
  side: z.enum(['buy', 'sell']),
  at: z.date().default(() => new Date(0)),
  place: z.object({ x: z.float64(), y: z.float64().optional() }),
  pair: z.tuple([z.float32(), z.float32()]),
})
type Tick = Infer<typeof Tick>
same<Tick['volume'], bigint>(true)
same<Tick['side'], 'buy' | 'sell'>(true)

const store = openStore('typed.stride', Tick, {
  indexes: { byId: { on: 'id', unique: true }, bySymbol: { on: ['symbol', 'at'], kind: 'ordered' } },
})
const n: number = store.append({
  id: 1,
  signed: -1,
  price: 2.5,
  ratio: 0.5,
  flags: 3,
  symbol: 'ABC',
  volume: 5n,
  delta: null,
  side: 'buy',
  place: { x: 1 },
  pair: [1, 2],
})
store.commitSync()
const plain: Store<typeof Tick> = store

const ids = store.gather('id')
same<typeof ids extends Uint32Array ? true : false, true>(true)
const signed = store.gather('signed')
same<typeof signed extends Int32Array ? true : false, true>(true)
const volumes = store.gather('volume')
same<typeof volumes extends BigUint64Array ? true : false, true>(true)
const ratios = store.gather('ratio')
same<typeof ratios extends Float32Array ? true : false, true>(true)
const symbols = store.gather('symbol')
same<typeof symbols, string[]>(true)
const y = store.field(n, 'place.y')
same<typeof y, number | undefined>(true)
const found = store.index('byId').get(1)
same<typeof found, Tick | undefined>(true)
for (const row of store.index('bySymbol').range({ gte: ['ABC'], lt: ['ABC', new Date(5)] })) {
  same<typeof row.side, 'buy' | 'sell'>(true)
}
for (const row of store.scan()) same<typeof row.number, number>(true)

function refused(): void {
  // @ts-expect-error a misspelt field
  store.field(0, 'prize')
  // @ts-expect-error a misspelt index
  store.index('byIdd')
  // @ts-expect-error a key of another type
  store.index('byId').get('1')
  // @ts-expect-error a misspelt option
  openStore('x', Tick, { readonly: true })
  // @ts-expect-error a misspelt option of an index
  openStore('x', Tick, { indexes: { a: { on: 'id', uniqe: true } } })
  // @ts-expect-error a misspelt operator
  store.index('bySymbol').range({ form: ['ABC'] })
  // @ts-expect-error a callback that is not done when it returns
  void store.transaction(async () => {})
}

async function main(): Promise<void> {
  await store.transaction(tx => tx.update(n, { flags: 4 }))
  if (plain.field(n, 'flags') !== 4 || layoutOf(Tick).recordSize !== plain.recordSize) throw new Error('wrong')
  store.close()
  const again = await openStoreAsync('typed.stride', { readOnly: true })
  const anything: unknown = again.get(0)
  again.close()
  const mapping = FileMapping.open('typed.stride')
  const view: MappedView = mapping.view(0, 8)
  view.unmap()
  mapping.close()
  const codec = codecOf(Tick)
  try {
    openFlatFile('absent.bin', Tick)
  } catch (error) {
    if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NOT_FOUND') throw error
  }
  console.log(typeof anything, typeof codec, typeof refused, 'typed')
}
void main()
