/**
 * HTTP workers of `node:cluster` that look up in one store, which the primary process writes.
 *
 * Each worker maps the file itself, so a lookup asks no other process, and the bytes are in memory once for all of them. What the primary
 * has committed is in the next answer of every worker.
 *
 *   npx tsx examples/cluster-lookup.ts
 */

import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ascii, openStore } from 'stridedb'
import { z } from 'zod'

const Item = z.object({ code: ascii(8), stock: z.uint32() })
const INDEXES = { indexes: { byCode: { on: 'code', unique: true } } } as const
const WORKERS = 2
const ITEMS = 1000

async function primary(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-cluster-'))
  const path = join(folder, 'items.stride')
  try {
    using store = openStore(path, Item, INDEXES)
    store.appendMany(Array.from({ length: ITEMS }, (_, i) => ({ code: `A-${i}`, stock: i })))
    await store.commit()

    const workers = Array.from({ length: WORKERS }, () => cluster.fork({ ITEMS_PATH: path }))
    const [[port] = []] = await Promise.all(workers.map(worker => once(worker, 'message')))
    const get = (code: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/items/${code}`)

    const known = await get('A-7')
    console.log(`A-7: ${known.status} ${await known.text()}`)
    console.log(`B-7: ${(await get('B-7')).status}`)

    for (let n = 0; n < ITEMS; n++) store.update(n, { stock: n + 1 })
    await store.commit()
    const answers = await Promise.all(Array.from({ length: 200 }, async (_, i) => (await get(`A-${i}`)).json()))
    const right = (answers as { readonly stock: number }[]).filter(({ stock }, i) => stock === i + 1).length
    console.log(`after the commit: ${right} of ${answers.length} answers show it`)

    await new Promise<void>(resolve => cluster.disconnect(resolve))
    console.log('closed')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function worker(path: string): void {
  const store = openStore(path, Item, { ...INDEXES, readOnly: true })
  const server = createServer(({ url = '/' }, response) => {
    const item = store.index('byCode').get(url.slice('/items/'.length))
    response.writeHead(item === undefined ? 404 : 200, { connection: 'close' }).end(JSON.stringify(item))
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => store.close())
}

if (cluster.isPrimary) await primary()
else worker(process.env.ITEMS_PATH ?? '')
