/**
 * What does each operation cost in a store of 1,000,000, 100,000,000 and 250,000,000 records?
 *
 *   npm run bench -- large [--records 1000000,100000000] [--dir folder]
 *
 * Takes 15 GB of disk for a hundred million records and 42 GB more for 250 million, and many minutes; it runs only where it is
 * named. Free space is checked first, and what does not fit is left out. Files are removed at the end and on Ctrl-C (main.ts).
 * The stores and how they are built: large-stores.ts. The rows: large-reads.ts, large-writes.ts.
 */

import type { Benchmark } from './context.ts'
import { opening, reads } from './large-reads.ts'
import { building, indexing, remove, type Size, sizesOf } from './large-stores.ts'
import { writesBySize } from './large-writes.ts'
import { renderTable, renderTime } from './report.ts'
import type { Row } from './row.ts'
import { ratioOf } from './targets.ts'

export const large: Benchmark = {
  name: 'large',
  question: 'cost against size, up to 250,000,000 records: 15 to 57 GB of files, from a quarter of an hour on',
  needs: [],
  isAskedFor: true,
  async *run(context) {
    const { sizes, notes } = sizesOf(context)
    const rows: Row[] = []
    const keep = (row: Row): Row => {
      rows.push(row)
      return row
    }
    if (sizes.length > 0) {
      yield keep(await building(context, sizes))
      yield keep(await opening(context, sizes, 'openStore, without an index'))
      yield keep(await indexing(sizes))
      for await (const row of reads(context, sizes)) yield keep(row)
      for await (const row of writesBySize(context, sizes)) yield keep(row)
      for (const size of sizes) remove(size)
    }
    yield table(rows, sizes, notes)
  },
}

/** All rows as one table: the time in each store, and its ratio to the smallest. */
function table(rows: readonly Row[], sizes: readonly Size[], notes: readonly string[]): Row {
  const heading = ['', ...sizes.map(({ label }) => label)]
  const cells = rows.map(({ what, sides }) => {
    const ofSizes = sizes.map(({ label }) => sides.find(({ name }) => name === label))
    const [smallest] = ofSizes
    return [
      what,
      ...ofSizes.map(side => {
        if (side === undefined || smallest === undefined) return '-'
        const time = renderTime(side.nsPerOperation)
        return side === smallest ? time : `${time} (x${ratioOf(side, smallest).median.toFixed(2)})`
      }),
    ]
  })
  return {
    what: 'cost against size',
    cache: 'does not apply',
    sides: [],
    targets: [],
    notes: [...notes, ...renderTable([heading, ...cells])],
  }
}
