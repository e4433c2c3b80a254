/** Every way to walk over records, of one file with the same ten records: what the tests of rows and of walks run over. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openFlatFile, openStore, type Row, type Walk } from 'stridedb'
import { z } from 'zod'
import { temporaryFolder } from './support.ts'

export const Item = z.object({ key: z.uint32(), half: z.float64() })
export const item = (n: number) => ({ key: n, half: n / 2 })
export const COUNT = 10
const INDEXES = { byKey: { on: 'key', kind: 'ordered' } } as const

export type ItemRow = Row<typeof Item>
export interface Opened {
  walk(): Walk<ItemRow>
  /** A walk over the first records alone. */
  firstOnes(count: number): Walk<ItemRow>
  row(n: number): ItemRow
  close(): void
}

const ITEMS = Array.from({ length: COUNT }, (_, n) => item(n))

function filled(options: object) {
  const store = openStore(join(temporaryFolder(), 'items.stride'), Item, { ...options, indexes: INDEXES })
  store.appendMany(ITEMS)
  store.commitSync()
  return store
}
type ItemStore = ReturnType<typeof filled>

function scanned(store: Pick<ItemStore, 'scan' | 'row'>, close: () => void): Opened {
  return {
    walk: () => store.scan(),
    firstOnes: to => store.scan({ to }),
    row: n => store.row(n),
    close,
  }
}

function ranged(store: Pick<ItemStore, 'index' | 'row'>, close: () => void): Opened {
  return {
    walk: () => store.index('byKey').range(),
    firstOnes: limit => store.index('byKey').range({ limit }),
    row: n => store.row(n),
    close,
  }
}

function reader(): [ItemStore, () => void] {
  const store = filled({ backend: 'file' })
  const beside = openStore(store.path, Item, { backend: 'file', readOnly: true, indexes: INDEXES })
  return [
    beside,
    () => {
      beside.close()
      store.close()
    },
  ]
}

/** A flat file of these records, each `stride` bytes behind the one before. */
function flat(stride: number): Opened {
  const path = join(temporaryFolder(), 'items.bin')
  const file = openSync(path, 'w')
  for (const { key, half } of ITEMS) {
    const bytes = Buffer.alloc(stride)
    bytes.writeUInt32LE(key, 0)
    bytes.writeDoubleLE(half, 4)
    writeSync(file, bytes)
  }
  closeSync(file)
  const opened = openFlatFile(path, Item, { stride })
  return scanned(opened as unknown as ItemStore, () => opened.close())
}

/** In a transaction: its callback has returned, which reading does not mind. */
async function inTransaction(by: typeof scanned | typeof ranged): Promise<Opened> {
  const store = filled({ backend: 'memory' })
  const opened = await store.transaction(tx => [by(tx as unknown as ItemStore, () => store.close())])
  return opened[0] as Opened
}

function staged(): Opened {
  const store = openStore('items.stride', Item, { backend: 'memory' })
  for (const each of ITEMS) store.append(each)
  store.update(3, { half: 1.5 })
  return scanned(store as unknown as ItemStore, () => store.close())
}

export const OPENERS: Readonly<Record<string, () => Opened | Promise<Opened>>> = {
  'scan, mapped': () => {
    const store = filled({})
    return scanned(store, () => store.close())
  },
  'scan, read and written by position': () => {
    const store = filled({ backend: 'file' })
    return scanned(store, () => store.close())
  },
  'scan of staged records': staged,
  'scan of a reader': () => scanned(...reader()),
  'scan of a transaction': () => inTransaction(scanned),
  'scan of a flat file': () => flat(12),
  'scan of a flat file with gaps': () => flat(20),
  'range, in memory': () => {
    const store = filled({ backend: 'memory' })
    return ranged(store, () => store.close())
  },
  'range of a reader': () => ranged(...reader()),
  'range of a transaction': () => inTransaction(ranged),
}
