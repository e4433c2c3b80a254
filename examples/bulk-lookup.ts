/**
 * A bulk lookup job: a list of a million record numbers, answered at once.
 *
 * `gather` fills a typed array with one column and makes no objects; `getMany` makes whole objects; a loop over
 * `field` is there to compare. `prefetch` reads what will be needed off the event loop first, which matters when the
 * file is not in memory yet.
 *
 *   npx tsx examples/bulk-lookup.ts [--records 1000000] [--lookups 1000000]
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ascii, openStore } from 'stridedb'
import { z } from 'zod'

const Meter = z.object({
  serial: z.uint32(),
  reading: z.float64(),
  tariff: z.enum(['day', 'night']),
  city: ascii(16),
})
const CITIES = ['Bergen', 'Graz', 'Porto', 'Turku', 'Zadar']

function* meters(count: number): Generator<z.infer<typeof Meter>> {
  for (let serial = 0; serial < count; serial++) {
    const city = CITIES[serial % CITIES.length]!
    yield { serial, reading: serial / 2, tariff: serial % 3 === 0 ? 'night' : 'day', city }
  }
}

/** Scattered numbers below `end`, the same each time: a multiplicative walk. */
function scattered(count: number, end: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (i * 2_654_435_761) % end)
}

function timed<T>(label: string, work: () => T): T {
  const start = performance.now()
  const answer = work()
  console.log(`${label} took ${(performance.now() - start).toFixed(0)} ms`)
  return answer
}

const { values } = parseArgs({
  options: { records: { type: 'string', default: '1000000' }, lookups: { type: 'string', default: '1000000' } },
})
const recordCount = Number(values.records)
const lookupCount = Number(values.lookups)

const folder = mkdtempSync(join(tmpdir(), 'stridedb-bulk-'))
try {
  using store = openStore(join(folder, 'meters.stride'), Meter, { capacity: recordCount })
  timed('load', () => {
    store.appendMany(meters(recordCount))
    store.commitSync()
  })
  console.log(`${store.count} meters of ${store.recordSize} bytes`)

  const numbers = scattered(lookupCount, recordCount)
  await store.prefetch(numbers)

  const readings = timed('gather', () => store.gather('reading', numbers))
  const gathered = readings.reduce((sum, reading) => sum + reading, 0)

  const records = timed('getMany', () => store.getMany(numbers))
  const fetched = records.reduce((sum, meter) => sum + (meter?.reading ?? 0), 0)

  const looped = timed('field in a loop', () => {
    let sum = 0
    for (const n of numbers) sum += store.field(n, 'reading')
    return sum
  })
  console.log(
    `${lookupCount} lookups, sums ${gathered === fetched && fetched === looped ? 'agree' : 'DIFFER'}: ${gathered}`,
  )
  console.log(`last: ${JSON.stringify(records.at(-1))}`)

  const beyond = store.gather('reading', [0, recordCount], { missing: -1 })
  console.log(`a number past the end: ${beyond.join(', ')}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
