/**
 * What do changes in place cost: many in one commit, and one a commit?
 *
 * The baseline reads a record, changes two fields and writes it back by position, then fdatasync. It has no
 * count, no commit number and no header to keep.
 */

import { closeSync, copyFileSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { AT, dataOffsetOf, TRADE_BYTES } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

export const update: Benchmark = {
  name: 'update',
  question: 'changes in place, committed',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    const copy = (name: string): string => {
      const path = join(context.folder, `update-${name}`)
      copyFileSync(fixturePath(context, 'distinct'), path)
      return path
    }
    using mapped = openStore(copy('mapped.stride'), Trade)
    using file = openStore(copy('file.stride'), Trade, { backend: 'file' })
    const plain = new PlainFile(copy('plain.stride'))
    const many = sized(context, 100_000, 200)
    yield await updates(context, [mapped, file], plain, { operations: many, perCommit: many })
    yield await updates(context, [mapped, file], plain, { operations: sized(context, 300, 5), perCommit: 1 })
    plain.close()
  },
}

async function updates(
  context: Context,
  stores: readonly TradeStore[],
  plain: PlainFile,
  work: { readonly operations: number; readonly perCommit: number },
): Promise<Row> {
  const { operations, perCommit } = work
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, recordCount(context))
  const sides = stores.flatMap((store): Side<Uint32Array>[] => {
    const syncs = (): number => store.stats().syncs
    const blocking: Side<Uint32Array> = {
      name: `${store.backend}, commitSync`,
      operations,
      run: (numbers, count, turn) => updateStore(store, numbers, count, perCommit, turn),
      syncs,
    }
    const awaited: Side<Uint32Array> = {
      name: `${store.backend}, await commit`,
      operations,
      run: (numbers, count, turn) => updateStoreAsync(store, numbers, count, turn),
      syncs,
    }
    return perCommit > 1 ? [blocking] : [blocking, awaited]
  })
  sides.push({
    name: 'read, change, write, fdatasync',
    operations,
    run: (numbers, count, turn) => plain.update(numbers, count, perCommit, turn),
    syncs: () => plain.syncs,
  })
  return {
    what: `${operations} random updates of two fields, ${perCommit === 1 ? 'each' : 'all'} in one commit`,
    cache: 'warm',
    sides: await alternate(context, { sides, rounds: 7, warmups: 1, input, agree: false }),
    targets: [],
    notes: ['a commit is one sync of the journal; the records go into the file after it'],
  }
}

function updateStore(
  store: TradeStore,
  numbers: Uint32Array,
  count: number,
  perCommit: number,
  turn: number,
): number {
  for (let i = 0; i < count; i++) {
    store.update(numbers[i] as number, { price: turn, qty: i })
    if ((i + 1) % perCommit === 0) store.commitSync()
  }
  return count
}

async function updateStoreAsync(store: TradeStore, numbers: Uint32Array, count: number, turn: number) {
  for (let i = 0; i < count; i++) {
    store.update(numbers[i] as number, { price: turn, qty: i })
    await store.commit()
  }
  return count
}

/** Records changed by position. */
class PlainFile {
  syncs = 0
  readonly #fd: number
  readonly #dataOffset: number
  readonly #bytes = Buffer.alloc(TRADE_BYTES)
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, TRADE_BYTES)

  constructor(path: string) {
    this.#dataOffset = dataOffsetOf(path)
    this.#fd = openSync(path, 'r+')
  }

  update(numbers: Uint32Array, count: number, perSync: number, turn: number): number {
    for (let i = 0; i < count; i++) {
      const offset = this.#dataOffset + (numbers[i] as number) * TRADE_BYTES
      readSync(this.#fd, this.#bytes, 0, TRADE_BYTES, offset)
      this.#view.setFloat64(AT.price, turn, true)
      this.#view.setUint32(AT.qty, i, true)
      writeSync(this.#fd, this.#bytes, 0, TRADE_BYTES, offset)
      if ((i + 1) % perSync === 0) {
        fdatasyncSync(this.#fd)
        this.syncs++
      }
    }
    return count
  }

  close(): void {
    closeSync(this.#fd)
  }
}
