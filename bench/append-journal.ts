/**
 * What does the journal add to a bulk load? Appended records go into the file once, and their images not into frames.
 *
 * Beside it the library before the journal, where it can be built, and encoding by hand.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { appendByHand } from './append-by-hand.ts'
import { TRADE_BYTES } from './baseline.ts'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { type Build, previousBuild } from './previous-build.ts'
import type { Row } from './row.ts'
import { atMost, ratio } from './targets.ts'
import { Trade, type TradeRecord, TradeSource } from './trade.ts'

const NOW = 'with the journal'
const BEFORE = 'before the journal'

export const appendJournal: Benchmark = {
  name: 'append-journal',
  question: 'a bulk load in one commit, with and without a journal',
  needs: [],
  isSlow: true,
  async *run(context) {
    yield await bulk(context)
  },
}

async function bulk(context: Context): Promise<Row> {
  const count = recordCount(context)
  const pool = new TradeSource(context.seed, 'distinct').take(sized(context, 100_000, 500))
  const before = await previousBuild(context)
  const sides = [
    storeSide(context, NOW, { openStore, Trade }, pool),
    ...(typeof before === 'string' ? [] : [storeSide(context, BEFORE, before, pool)]),
    appendByHand(context, pool),
  ]
  const figures = await alternate(context, { sides, rounds: 11, warmups: 1, agree: false })
  const times = (name: string): number =>
    (figures.find(side => side.name === name)?.written.byProcess ?? Number.NaN) / (count * TRADE_BYTES)
  return {
    what: `${count} appends in one durable commit`,
    cache: 'does not apply',
    sides: figures,
    targets: [
      atMost(context, '1.15 times the library before the journal', ratio(figures, NOW, BEFORE), 1.15, 'times'),
      atMost(context, '1.05 times the data written', times(NOW), 1.05, 'times'),
    ],
    notes: [
      ...sides.map(
        ({ name }) => `${name}: ${times(name).toFixed(3)} times the data, write_bytes of /proc/self/io`,
      ),
      ...(typeof before === 'string' ? [before] : []),
    ],
  }
}

function storeSide(context: Context, name: string, build: Build, pool: readonly TradeRecord[]): Side {
  const path = join(context.folder, `${name.replaceAll(' ', '-')}.stride`)
  let store: Store<typeof Trade> | undefined
  return {
    name,
    operations: recordCount(context),
    async run(_, count) {
      store = build.openStore(path, build.Trade)
      for (let done = 0; done < count; done += pool.length) store.appendMany(pool)
      await store.commit()
      return count
    },
    syncs: () => (store === undefined ? 0 : store.stats().syncs),
    after() {
      store?.close()
      store = undefined
      for (const suffix of ['', '-lock']) rmSync(`${path}${suffix}`, { force: true })
    },
  }
}
