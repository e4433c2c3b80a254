/**
 * What could go wrong where DuckDB is not installed: importing fails, importing the library loads it, or `attach` ends in an error that
 * does not say what to install.
 */

import { expect, it } from 'vitest'
import { install } from './installed.ts'

it('imports load no DuckDB, and attach says what to install', () => {
  const { run } = install()
  const printed = run(`
import { createRequire } from 'node:module'
import { openStore } from 'stridedb'
import { attach, StrideError } from 'stridedb/duckdb'
import { z } from 'zod'
const store = openStore('x.stride', z.object({ x: z.uint32() }))
const connection = { run() {}, registerTableFunction() {} }
await attach(connection, 'x', store).catch(error => console.log(error instanceof StrideError, error.code, error.message))
console.log(Object.keys(createRequire(import.meta.url).cache).filter(path => path.includes('duckdb')).length)
`)
  expect(printed[0]).toMatch(/^true ERR_STRIDE_NO_DUCKDB .*npm install @duckdb\/node-api/)
  expect(printed[1]).toBe('0')
})
