/**
 * What could go wrong: something that must be closed stays open at the end of a `using` block, in JavaScript that knows the word
 * itself (Node 24 and later) or in JavaScript that TypeScript made of it (Node 20 and 22).
 */

import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { install, NODE_MAJOR } from './installed.ts'

const PROGRAM = `
import { openFlatFile, openStore } from 'stridedb'
import { FileMapping, SharedMemory } from 'stridedb/mmap'
import { z } from 'zod'

const Point = z.object({ x: z.uint32() })
const kept = {}
{
  using store = openStore('x.stride', Point)
  store.append({ x: 7 })
  store.commitSync()
  using flat = openFlatFile('x.stride', Point, { offset: 0, count: 1, readOnly: true })
  using mapping = FileMapping.open('x.stride')
  using view = mapping.view(0, 8)
  using shared = SharedMemory.open('disposal-' + process.pid, { size: 8 })
  Object.assign(kept, { store: () => store.get(0), flat: () => flat.get(0), mapping: () => mapping.view(0, 8), view: () => view.bytes, shared: () => shared.view(0, 8) })
  for (const use of Object.values(kept)) use()
}
{
  await using store = openStore('x.stride', Point)
  store.append({ x: 8 })
  await store.commit()
  await using flat = openFlatFile('x.stride', Point, { offset: 0, count: 1 })
  Object.assign(kept, { 'async store': () => store.get(0), 'async flat': () => flat.get(0) })
  for (const name of ['async store', 'async flat']) kept[name]()
}
for (const [name, use] of Object.entries(kept)) {
  try { use(); console.log(name, 'is open') } catch (error) { console.log(name, error.code) }
}
`
const CLOSED = ['store', 'flat', 'mapping', 'view', 'shared', 'async store', 'async flat'].map(
  name => `${name} ERR_STRIDE_CLOSED`,
)

describe('at the end of a using block', () => {
  if (NODE_MAJOR < 24)
    console.warn('SKIPPED: this Node knows no `using` of its own, so that is tried lowered only')

  it.skipIf(NODE_MAJOR < 24)('everything is closed, in plain JavaScript', () => {
    expect(install().run(PROGRAM)).toEqual(CLOSED)
  })

  it('everything is closed, in what a compiler makes of it', () => {
    const { code } = transformSync(PROGRAM, { target: 'node20', format: 'esm' })
    expect(code).not.toContain('using store')
    expect(install().run(code)).toEqual(CLOSED)
  })

  it('everything has Symbol.dispose, which is there from Node 20 on', () => {
    const [line] = install().run(
      `import { FlatFile, Store } from 'stridedb'
       import { FileMapping, MappedView, SharedMemory } from 'stridedb/mmap'
       const has = (type, key) => typeof type.prototype[key] === 'function'
       console.log(typeof Symbol.dispose, [Store, FlatFile, FileMapping, MappedView, SharedMemory].every(type => has(type, Symbol.dispose)),
         [Store, FlatFile].every(type => has(type, Symbol.asyncDispose)))`,
    )
    expect(line).toBe('symbol true true')
  })
})
