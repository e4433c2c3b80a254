// What a small program does with the library: a store with an index, written, closed and opened again; a flat file; mapped memory.
// scripts/test-installed.mjs runs it in an empty folder, makes CommonJS of it, and puts a test in the place of its last line.

import { ok, strictEqual, throws } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { ascii, openFlatFile, openStore, StrideError, u8 } from 'stridedb'
import { FileMapping } from 'stridedb/mmap'
import { describe } from 'stridedb/schema'
import { z } from 'zod'

/** @returns what the table shows: how the file was reached */
async function main() {
  const options = JSON.parse(process.env.STORE_OPTIONS ?? '{}')
  const Tick = z.object({
    id: z.uint32(),
    price: z.float64().refine(price => price > 0),
    flags: u8().max(7),
    symbol: ascii(8),
    volume: z.uint64().nullable(),
  })
  const indexes = {
    byId: { on: 'id', unique: true },
    bySymbol: { on: ['symbol', 'id'], kind: 'ordered' },
  }
  const store = openStore('ticks.stride', Tick, { ...options, indexes })
  const tick = id => ({ id, price: id / 2, flags: id % 8, symbol: id % 2 ? 'ODD' : 'EVEN', volume: BigInt(id) })
  for (let id = 1; id <= 1000; id++) store.append(tick(id))
  await store.commit()
  throws(() => store.append(tick(7)), { name: 'StrideError', code: 'ERR_STRIDE_DUPLICATE_KEY' })
  throws(() => store.append({ ...tick(0), price: -1 }), { code: 'ERR_STRIDE_RECORD' })
  throws(() => openStore('absent.stride'), StrideError)
  await store.transaction(tx => tx.delete(0))
  store.close()

  const again = openStore('ticks.stride', { ...options, indexes })
  strictEqual(again.count, 999)
  strictEqual(again.index('byId').field(500, 'price'), 250)
  strictEqual(again.index('bySymbol').count({ gte: ['ODD'], lte: ['ODD'] }), 499)
  strictEqual(again.gather('id').length, 999)
  const { backend } = again
  strictEqual((await again.verify()).ok, true)
  again.close()

  writeFileSync('points.bin', Buffer.from(new Float32Array([1, 2, 3, 4]).buffer))
  const points = openFlatFile('points.bin', z.object({ x: z.float32(), y: z.float32() }), { readOnly: true })
  strictEqual(points.get(1)?.y, 4)
  points.close()

  if (backend === 'mapped') {
    const mapping = FileMapping.open('ticks.stride', { access: 'read' })
    strictEqual(Buffer.from(mapping.view(0, 8).bytes).toString(), 'StrideDB')
    mapping.close()
  }
  ok(describe(Tick).numpy.includes('f8'))
  return backend
}

main().then(backend => console.log(backend))
