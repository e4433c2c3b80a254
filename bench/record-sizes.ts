/**
 * How does the size of a record change a random lookup? 64 MiB of records each, from 16 to 4096 bytes.
 */

import { openStore, type Store } from 'stridedb'
import { RecordReader } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, sized } from './context.ts'
import { RECORD_SIZES, type RecordSize, sizedCount, sizedSchema } from './fixtures.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'

export const recordSizes: Benchmark = {
  name: 'record-sizes',
  question: 'random lookups by record size',
  needs: RECORD_SIZES.flatMap(size => [`size-${size}` as const, `size-${size}-copy` as const]),
  isSlow: true,
  async *run(context) {
    for (const recordSize of RECORD_SIZES) yield await fieldOf(context, recordSize)
  },
}

async function fieldOf(context: Context, recordSize: RecordSize): Promise<Row> {
  const path = fixturePath(context, `size-${recordSize}`)
  const operations = sized(context, 500_000, 500)
  const slowOperations = sized(context, 100_000, 500)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, sizedCount(context, recordSize))
  const schema = sizedSchema(recordSize)
  using mapped = openStore(path, schema)
  using file = openStore(fixturePath(context, `size-${recordSize}-copy`), schema, { backend: 'file' })
  const reader = new RecordReader(path, recordSize)
  const sides: Side<Uint32Array>[] = [
    { name: mapped.backend, operations, run: (numbers, count) => values(mapped, numbers, count) },
    { name: file.backend, operations: slowOperations, run: (numbers, count) => values(file, numbers, count) },
    { name: 'fs.readSync', operations: slowOperations, run: (numbers, count) => reads(reader, numbers, count) },
  ]
  const figures = await alternate(context, { sides, rounds: 7, input })
  reader.close()
  return {
    what: `random single field of records of ${recordSize} bytes`,
    cache: 'warm',
    sides: figures,
    targets: [],
    notes: [],
  }
}

function values(store: Store<ReturnType<typeof sizedSchema>>, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'value')
  return sum
}

function reads(reader: RecordReader, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) {
    reader.read(numbers[i] as number)
    sum += reader.view.getUint32(0, true)
  }
  return sum
}
