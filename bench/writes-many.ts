/**
 * Rows of `writes`: 100,000 random updates in one durable transaction, and in 1,000 durable commits of 100.
 *
 * Beside the time stands what the kernel counts as written, journal and file together (written.ts), and how much the changed pages are.
 */

import { AT, dataOffsetOf, TRADE_BYTES } from './baseline.ts'
import { type Context, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { median } from './quantile.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atMost } from './targets.ts'
import { fasterThanEach, type Writers } from './writes.ts'

const PAGE_BYTES = 4096
const TRANSACTION = 'transaction'
const AND_CHECKPOINT = 'transaction and checkpoint'
const COMMIT_SYNC = 'update and commitSync'

export async function oneTransaction(context: Context, writers: Writers): Promise<Row> {
  const { store, peers, notes } = writers
  const operations = sized(context, 100_000, 200)
  const dataOffset = dataOffsetOf(store.path)
  const changedPages: number[] = []
  const syncs = (): number => store.stats().syncs
  const ours = async (numbers: Uint32Array, turn: number): Promise<void> => {
    await store.transaction(tx => {
      for (let i = 0; i < numbers.length; i++) tx.update(numbers[i] as number, { price: turn, qty: i + turn })
    })
  }
  const sides: Side<Uint32Array>[] = [
    {
      name: TRANSACTION,
      operations,
      syncs,
      run: async (numbers, count, turn) => {
        await ours(numbers, turn)
        return count
      },
      after: () => store.checkpoint(),
    },
    {
      name: AND_CHECKPOINT,
      operations,
      syncs,
      run: async (numbers, count, turn) => {
        await ours(numbers, turn)
        await store.checkpoint()
        return count
      },
    },
    ...peers.map(
      ({ name, store: peer }): Side<Uint32Array> => ({
        name,
        operations,
        run: async (numbers, count, turn) => {
          const answer = peer.changeMany(numbers, turn)
          if (answer instanceof Promise) await answer
          return count
        },
      }),
    ),
  ]
  const figures = await alternate(context, {
    sides,
    rounds: 9,
    input: seed => {
      const numbers = randomNumbers(seed, operations, recordCount(context))
      changedPages.push(pagesOf(numbers, dataOffset))
      return numbers
    },
  })
  const changedBytes = median(changedPages) * PAGE_BYTES
  const written = figures.find(side => side.name === AND_CHECKPOINT)?.written.toDisk ?? Number.NaN
  return {
    what: `${operations} random updates of two fields in one durable transaction`,
    cache: 'warm',
    sides: figures,
    targets: [
      ...fasterThanEach(context, figures, writers, TRANSACTION, 3),
      atMost(
        context,
        '3 times the changed pages, bytes that reach the disk, with the checkpoint',
        written / changedBytes,
        3,
        'times',
      ),
    ],
    notes: [
      ...notes,
      `changed pages: ${(changedBytes / 1e6).toFixed(1)} MB`,
      'the checkpoint of the first side runs after its clock has stopped',
      'a durable lmdb-js or SQLite transaction leaves nothing to do, but for SQLite its own checkpoints',
    ],
  }
}

/** How many pages the changed fields of these records lie on. */
function pagesOf(numbers: Uint32Array, dataOffset: number): number {
  const pages = new Set<number>()
  for (const n of numbers) {
    const record = dataOffset + n * TRADE_BYTES
    pages.add(Math.floor((record + AT.price) / PAGE_BYTES))
    pages.add(Math.floor((record + AT.flags - 1) / PAGE_BYTES))
  }
  return pages.size
}

export async function commitsOfHundred(context: Context, writers: Writers): Promise<Row> {
  const { store, peers } = writers
  const operations = sized(context, 100_000, 200)
  const perCommit = sized(context, 100, 20)
  const syncs = (): number => store.stats().syncs
  const parts = (numbers: Uint32Array): Uint32Array[] =>
    Array.from({ length: operations / perCommit }, (_, i) =>
      numbers.subarray(i * perCommit, (i + 1) * perCommit),
    )
  const sides: Side<Uint32Array[]>[] = [
    {
      name: COMMIT_SYNC,
      operations,
      syncs,
      run: (commits, count, turn) => {
        for (const numbers of commits) {
          for (const n of numbers) store.update(n, { price: turn })
          store.commitSync()
        }
        return count
      },
    },
    {
      name: TRANSACTION,
      operations,
      syncs,
      run: async (commits, count, turn) => {
        for (const numbers of commits) {
          await store.transaction(tx => {
            for (const n of numbers) tx.update(n, { price: turn })
          })
        }
        return count
      },
    },
    ...peers.map(
      ({ name, store: peer }): Side<Uint32Array[]> => ({
        name,
        operations,
        run: async (commits, count, turn) => {
          for (const numbers of commits) {
            const answer = peer.changePrices(numbers, turn)
            if (answer instanceof Promise) await answer
          }
          return count
        },
      }),
    ),
  ]
  const figures = await alternate(context, {
    sides,
    // A pass takes seconds and writes up to a gigabyte: its untimed twin is warm-up enough.
    rounds: 3,
    warmups: 0,
    input: seed => parts(randomNumbers(seed, operations, recordCount(context))),
  })
  return {
    what: `${operations} random updates of one field in ${operations / perCommit} durable commits of ${perCommit}`,
    cache: 'warm',
    sides: figures,
    targets: fasterThanEach(context, figures, writers, COMMIT_SYNC, 1),
    notes: ['stores of bytes are given the whole record ready made'],
  }
}
