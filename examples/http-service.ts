/**
 * A store inside an HTTP service: what is answered with 201 is on disk.
 *
 *   GET  /trades        how many there are
 *   GET  /trades/:n     one trade by its record number
 *   POST /trades        appends one, commits, then answers with its number
 *
 * Requests that arrive together share one sync. SIGTERM and SIGINT answer what is under way, then close the store.
 *
 *   npx tsx examples/http-service.ts [--port 8080] [--store trades.stride]
 *   npx tsx examples/http-service.ts --self-test      a temporary store, a few requests, and out
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ascii, openStore, type Store, StrideError } from 'stridedb'
import { z } from 'zod'

const Trade = z.object({
  timeMs: z.float64(),
  price: z.float64().positive(),
  quantity: z.uint32(),
  side: z.enum(['buy', 'sell']),
  symbol: ascii(8),
})
type TradeStore = Store<typeof Trade>

const BODY_BYTES_MAX = 64 * 1024

function createService(store: TradeStore): Server {
  return createServer((request, response) => {
    handle(store, request, response).catch((error: unknown) => answerError(response, error))
  })
}

async function handle(store: TradeStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request
  const number = /^\/trades\/(\d{1,15})$/.exec(url)?.[1]
  if (method === 'GET' && url === '/trades') {
    answer(response, 200, { count: store.count })
  } else if (method === 'GET' && number !== undefined) {
    const trade = store.get(Number(number))
    if (trade === undefined) answer(response, 404, { error: `There is no trade ${number}` })
    else answer(response, 200, trade)
  } else if (method === 'POST' && url === '/trades') {
    // The store checks the record against its schema; JSON of any shape may come.
    const trade = JSON.parse(await readBody(request)) as z.infer<typeof Trade>
    const n = store.append(trade)
    await store.commit()
    response.setHeader('Location', `/trades/${n}`)
    answer(response, 201, { number: n })
  } else {
    answer(response, 404, { error: `There is no ${method} ${url}` })
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new SyntaxError(`The body is longer than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}

function answerError(response: ServerResponse, error: unknown): void {
  if (error instanceof SyntaxError) {
    answer(response, 400, { error: error.message })
  } else if (error instanceof StrideError && error.code === 'ERR_STRIDE_RECORD') {
    answer(response, 422, { error: error.message, issues: error.issues })
  } else {
    console.error(error)
    answer(response, 500, { error: error instanceof StrideError ? error.code : 'internal' })
  }
}

function listen(server: Server, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    )
  })
}

/** Answers what is under way, takes nothing new, then lets go of the store. */
async function shutDown(server: Server, store: TradeStore): Promise<void> {
  await new Promise(resolve => server.close(resolve))
  await store.closeAsync()
  console.log('closed')
}

async function serve(path: string, port: number): Promise<void> {
  const store = openStore(path, Trade)
  const server = createService(store)
  console.log(`${await listen(server, port)}/trades serves ${store.count} trades of ${path}`)
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void shutDown(server, store))
}

async function selfTest(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-http-'))
  try {
    const path = join(folder, 'trades.stride')
    const store = openStore(path, Trade)
    const server = createService(store)
    const base = await listen(server, 0)
    const trade = { timeMs: 1_700_000_000_000, price: 101.5, quantity: 300, side: 'buy', symbol: 'STRD' }
    const post = (body: unknown): Promise<Response> =>
      fetch(`${base}/trades`, { method: 'POST', body: JSON.stringify(body) })

    await show('POST /trades', post(trade))
    await show('GET /trades/0', fetch(`${base}/trades/0`))
    await show('GET /trades/7', fetch(`${base}/trades/7`))
    await show('POST a bad trade', post({ ...trade, symbol: 'MUCH TOO LONG' }))

    const noJson = await fetch(`${base}/trades`, { method: 'POST', body: 'price=1' })
    console.log(`POST no JSON: ${noJson.status}`)

    const before = store.stats().syncs
    const together = await Promise.all(Array.from({ length: 50 }, (_, i) => post({ ...trade, quantity: i })))
    const accepted = together.filter(({ status }) => status === 201).length
    const syncs = store.stats().syncs - before
    console.log(
      `50 POSTs together: ${accepted} accepted, ${syncs <= 50 ? 'no more syncs than commits' : `${syncs} syncs`}`,
    )

    await shutDown(server, store)
    using reopened = openStore(path, Trade, { readOnly: true })
    console.log(`reopened: ${reopened.count} trades`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function show(request: string, pending: Promise<Response>): Promise<void> {
  const response = await pending
  console.log(`${request}: ${response.status} ${(await response.text()).trim()}`)
}

const { values } = parseArgs({
  options: {
    'self-test': { type: 'boolean', default: false },
    port: { type: 'string', default: '8080' },
    store: { type: 'string', default: 'trades.stride' },
  },
})
if (values['self-test']) await selfTest()
else await serve(values.store, Number(values.port))
