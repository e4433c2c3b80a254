/**
 * What could go wrong where ES modules cannot be required, as in Jest on Node below 24.9: an entry has other exports, the entries
 * share no classes, a stack names other lines, or Node itself gets a second copy. Rules CJ1 and CJ2 of src/commonjs/load.cjs.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { type Installed, install } from './installed.ts'

const ENTRIES = {
  index: 'stridedb',
  mmap: 'stridedb/mmap',
  schema: 'stridedb/schema',
  duckdb: 'stridedb/duckdb',
  transfer: 'stridedb/transfer',
} as const
type Exports = Readonly<Record<string, unknown>>

/** The library as a loader gets it that knows no ES modules; `global` is the realm's. */
function loadedIn(
  context: vm.Context | undefined,
  { folder }: Installed,
  entry: string,
  cache: Map<string, unknown>,
): Exports {
  const load = (path: string): unknown => {
    const known = cache.get(path)
    if (known !== undefined) return known
    const required = createRequire(path)
    const module = { exports: {} as unknown }
    cache.set(path, module.exports)
    const source = `(function (require, module, exports, __dirname, __filename) {${readFileSync(path, 'utf8')}\n})`
    const script = new vm.Script(source, { filename: path })
    const run = context === undefined ? script.runInThisContext() : script.runInContext(context)
    const inner = (name: string): unknown =>
      name.startsWith('./') ? load(required.resolve(name)) : required(name)
    run(inner, module, module.exports, join(path, '..'), path)
    cache.set(path, module.exports)
    return module.exports
  }
  return load(join(folder, 'node_modules/stridedb/dist/commonjs', `${entry}.cjs`)) as Exports
}

describe('the library, required where ES modules cannot be', () => {
  it('has the same exports, and its entries share their classes', async () => {
    const installed = install()
    const cache = new Map<string, unknown>()
    const required = createRequire(join(installed.folder, 'program.cjs'))
    for (const [entry, name] of Object.entries(ENTRIES)) {
      const loaded = loadedIn(undefined, installed, entry, cache)
      const imported = (await import(pathToFileURL(required.resolve(name)).href)) as Exports
      expect(Object.keys(loaded).sort()).toEqual(Object.keys(imported).sort())
      expect(loaded.__esModule).toBe(true)
    }
    const library = loadedIn(undefined, installed, 'index', cache)
    const schema = loadedIn(undefined, installed, 'schema', cache)
    expect(library.u8).toBe(schema.u8)
    expect(library.u8).toBeTypeOf('function')
  })

  it('runs in the realm that required it, and names its own lines', () => {
    const installed = install()
    const context = vm.createContext({
      process,
      Buffer,
      TextDecoder,
      TextEncoder,
      structuredClone,
      setTimeout,
      setImmediate,
    })
    const { openStore } = loadedIn(context, installed, 'index', new Map())
    let thrown: Error | undefined
    try {
      ;(openStore as (path: number) => void)(5)
    } catch (error) {
      thrown = error as Error
    }
    const TheirTypeError = vm.runInContext('TypeError', context) as typeof TypeError
    expect(thrown).toBeInstanceOf(TheirTypeError)
    const frame = /at checkPath \(.*?(stridedb\/dist\/\S+?):(\d+):\d+\)/.exec(String(thrown?.stack))
    const [, file, line] = frame as unknown as [string, string, string]
    const lines = readFileSync(join(installed.folder, 'node_modules', file), 'utf8').split('\n')
    // `new Function` puts its two lines in front.
    expect(lines[Number(line) - 1 - 2]).toContain('throw new TypeError(')
  })

  it('is not what Node requires: that is what it imports', () => {
    const { run } = install()
    const [same] = run(`
      import { createRequire } from 'node:module'
      import * as imported from 'stridedb'
      const required = createRequire(import.meta.url)('stridedb')
      console.log(required.openStore === imported.openStore)`)
    expect(same).toBe('true')
  })
})
