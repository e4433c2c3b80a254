/**
 * What does one column cost, of random records and of all of them?
 */

import { openStore, type Store } from 'stridedb'
import { AT, forEachChunk, RecordReader, TRADE_BYTES } from './baseline.ts'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atMost, ratio } from './targets.ts'
import { Trade } from './trade.ts'

export const gather: Benchmark = {
  name: 'gather',
  question: 'one column, of random records and of all',
  needs: ['distinct', 'distinct-copy'],
  async *run(context) {
    yield await randomNumbersOfColumn(context)
    yield await wholeColumn(context)
  },
}

async function randomNumbersOfColumn(context: Context): Promise<Row> {
  const records = recordCount(context)
  const operations = sized(context, 500_000, 1_000)
  const path = fixturePath(context, 'distinct')
  using mapped = openStore(path, Trade)
  using file = openStore(fixturePath(context, 'distinct-copy'), Trade, { backend: 'file' })
  const reader = new RecordReader(path)
  using c = CFile.open(path)
  const sides: Side<Uint32Array>[] = [
    { name: mapped.backend, operations, run: numbers => probe(mapped.gather('price', numbers)) },
    { name: 'mapped, in a loop of field()', operations, run: numbers => probe(loop(mapped, numbers)) },
    { name: file.backend, operations, run: numbers => probe(file.gather('price', numbers)) },
    { name: 'fs.readSync', operations, run: numbers => probe(reads(reader, numbers)) },
  ]
  if (c !== undefined) sides.push({ name: 'C', operations, run: numbers => probe(c.gather(AT.price, numbers)) })
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  const figures = await alternate(context, { sides, rounds: 9, input })
  reader.close()
  return {
    what: `gather of ${operations} random numbers into a typed array`,
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '2.5 times the C loop', ratio(figures, 'mapped', 'C'), 2.5, 'times')],
    notes: [],
  }
}

async function wholeColumn(context: Context): Promise<Row> {
  const operations = recordCount(context)
  const path = fixturePath(context, 'distinct')
  using mapped = openStore(path, Trade)
  using file = openStore(fixturePath(context, 'distinct-copy'), Trade, { backend: 'file' })
  const sides: Side[] = [
    { name: mapped.backend, operations, run: () => probe(mapped.gather('price')) },
    { name: file.backend, operations, run: () => probe(file.gather('price')) },
    { name: 'fs.readSync, 1 MiB', operations, run: () => probe(readColumn(path, operations)) },
  ]
  using c = CFile.open(path)
  if (c !== undefined) sides.push({ name: 'C', operations, run: () => probe(c.column(AT.price, operations)) })
  return {
    what: 'gather of the whole column into a typed array',
    cache: 'warm',
    sides: await alternate(context, { sides, rounds: 9 }),
    targets: [],
    notes: [],
  }
}

/** The array must be there; reading it is not part of the question. */
function probe(column: Float64Array): number {
  const { length } = column
  return (column[0] as number) + (column[length >>> 1] as number) + (column[length - 1] as number)
}

function loop(store: Store<typeof Trade>, numbers: Uint32Array): Float64Array {
  const out = new Float64Array(numbers.length)
  for (let i = 0; i < numbers.length; i++) out[i] = store.field(numbers[i] as number, 'price')
  return out
}

function reads(reader: RecordReader, numbers: Uint32Array): Float64Array {
  const out = new Float64Array(numbers.length)
  for (let i = 0; i < numbers.length; i++) {
    reader.read(numbers[i] as number)
    out[i] = reader.view.getFloat64(AT.price, true)
  }
  return out
}

function readColumn(path: string, count: number): Float64Array {
  const out = new Float64Array(count)
  let filled = 0
  forEachChunk(path, count, (view, _bytes, records) => {
    for (let i = 0; i < records; i++) out[filled++] = view.getFloat64(i * TRADE_BYTES + AT.price, true)
  })
  return out
}
