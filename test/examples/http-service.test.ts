/**
 * The HTTP example: an answer before its commit, or a shutdown that loses the store's lock or an accepted trade.
 */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { removeFolder } from '../remove-folder.ts'
import { ended, runExample, startExample } from './run-example.ts'

const folder = mkdtempSync(join(tmpdir(), 'stridedb-test-'))
afterAll(() => removeFolder(folder))

it('answers its own requests, shares syncs, and finds every trade again', async () => {
  const lines = await runExample('http-service.ts', ['--self-test'])
  expect(lines).toEqual([
    'POST /trades: 201 {"number":0}',
    'GET /trades/0: 200 {"timeMs":1700000000000,"price":101.5,"quantity":300,"side":"buy","symbol":"STRD"}',
    'GET /trades/7: 404 {"error":"There is no trade 7"}',
    expect.stringMatching(/^POST a bad trade: 422 .*symbol/),
    'POST no JSON: 400',
    '50 POSTs together: 50 accepted, no more syncs than commits',
    'closed',
    'reopened: 51 trades',
  ])
})

// A signal to another process ends it at once on Windows: nothing can be graceful there.
it.skipIf(process.platform === 'win32')('closes gracefully when it is told to, and serves again', async () => {
  const args = ['--port', '0', '--store', join(folder, 'trades.stride')]
  for (const countBefore of [0, 1]) {
    const service = startExample('http-service.ts', args)
    const end = ended(service)
    const greeting = await new Promise<string>((resolve, reject) => {
      service.stdout!.once('data', (text: string) => resolve(text))
      void end.then(({ stderr }) => reject(new Error(stderr)))
    })
    expect(greeting).toContain(`serves ${countBefore} trades`)
    const url = /http:\S+/.exec(greeting)![0]
    const trade = { timeMs: 0, price: 1, quantity: 1, side: 'sell', symbol: 'A' }
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(trade) })
    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toBe(`/trades/${countBefore}`)
    service.kill('SIGTERM')
    const { exitCode, stdout, stderr } = await end
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout.trimEnd().endsWith('closed')).toBe(true)
  }
})
