/**
 * What reads show once a store or a sync failed while several commits that change the same records were on their way to the file. What
 * could go wrong: a record shows bytes of a commit that nobody was told of, or a version of its own that never was; what is left on
 * the disk opens as less than was acknowledged.
 * Rules: D5 of docs/durability.md, PA1 of src/engine/journal/patch.ts.
 */

import { constants } from 'node:os'
import fc from 'fast-check'
import { ascii } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../src/engine/open.ts'
import type { Platform, PlatformFile } from '../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { errnoError } from '../../src/mmap/system-errors.ts'
import { propertyOptions } from '../property.ts'

const Item = z.object({ id: z.uint32(), a: z.uint32(), text: ascii(90), b: z.uint32() })
const PATH = '/revert/x.stride'
const COUNT = 6
const INDEXES = { byA: { on: 'a', kind: 'ordered' } } as const

/** Lets the call fail that `fails` says, of stores into the store's file and syncs of both files. */
function failing(platform: Platform, fails: (path: string, name: string) => boolean): Platform {
  const over = (file: PlatformFile): PlatformFile =>
    new Proxy(file, {
      get(target, name) {
        const value = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          if (/^(store|sync|syncAsync)$/.test(String(name)) && fails(target.path, String(name))) {
            const error = errnoError('write', constants.errno.EIO, target.path)
            if (name === 'syncAsync') return Promise.reject(error)
            throw error
          }
          return Reflect.apply(value, target, given)
        }
      },
    })
  return new Proxy(platform, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'open') return value.bind(target)
      return (...given: Parameters<Platform['open']>) => over(target.open(...given))
    },
  })
}

const change = fc.record({
  kind: fc.constantFrom('a', 'b', 'text', 'put', 'delete', 'append'),
  n: fc.nat(COUNT - 1),
  value: fc.nat(9),
})
const commit = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  /** Returns once its frame is written; otherwise nobody waits for it. */
  isSync: fc.boolean(),
  isFull: fc.boolean(),
})

test('after a failure reads show the last acknowledged commit, byte for byte, and the disk has at least that', async () => {
  let reverted = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(commit, { minLength: 1, maxLength: 7 }),
      fc.nat(14),
      fc.boolean(),
      fc.constantFrom('mapped' as const, 'file' as const),
      async (commits, failsAt, checksums, backend) => {
        const simulated = createSimulatedPlatform()
        let left = Number.POSITIVE_INFINITY
        const platform = failing(simulated, (path, name) => {
          if (name === 'store' && path !== PATH) return false
          return left-- === 0
        })
        const options = { indexes: INDEXES, backend, checksums, reuseNumbers: true } as const
        const store = openStoreOn(platform, PATH, Item, options)
        store.appendMany(Array.from({ length: COUNT }, (_, id) => ({ id, a: 0, text: '', b: 0 })))
        store.delete(COUNT - 1)
        store.commitSync()
        const states = new Map<number, string>()
        const all = (s: typeof store): string =>
          JSON.stringify([s.size, s.count, ...Array.from({ length: s.size }, (_, n) => s.get(n) ?? null)])
        states.set(store.commitNumber, all(store))
        let acknowledged = store.commitNumber
        let number = acknowledged
        left = failsAt
        const waiting: Promise<unknown>[] = []
        try {
          for (const { changes, isSync, isFull } of commits) {
            for (const { kind, n, value } of changes) {
              if (kind === 'append') store.append({ id: 100 + value, a: value, text: 'new', b: 0 })
              else if (!store.has(n)) continue
              else if (kind === 'delete' && n > 0) store.delete(n)
              else if (kind === 'put') store.put(n, { id: n, a: value, text: 'z'.repeat(80), b: value })
              else if (kind === 'text') store.update(n, { text: `text ${value}` })
              else store.update(n, kind === 'a' ? { a: value } : { b: value })
            }
            // Something is staged, whatever the changes were.
            store.update(0, { id: number })
            const staged = all(store)
            const durability = isFull ? ('full' as const) : ('process' as const)
            states.set(++number, staged)
            if (isSync) acknowledged = store.commitSync({ durability })
            else
              waiting.push(
                store.commit({ durability }).then(reached => {
                  acknowledged = Math.max(acknowledged, reached as unknown as number)
                }),
              )
          }
        } catch {}
        await Promise.allSettled(waiting)
        await store.flush().catch(() => undefined)
        const isPoisoned = left < 0
        if (isPoisoned) reverted++
        expect(store.commitNumber).toBeGreaterThanOrEqual(acknowledged)
        if (!isPoisoned || store.commitNumber <= number) {
          expect(all(store)).toBe(states.get(store.commitNumber))
        }
        const seen = store.commitNumber
        const files = new Map([...simulated.files()].map(([path, bytes]) => [path, bytes.slice()]))
        using reader = openStoreOn(createSimulatedPlatform({ files: new Map(files) }), PATH, Item, {
          readOnly: true,
        })
        expect(reader.commitNumber).toBeGreaterThanOrEqual(seen)
        expect(all(reader as unknown as typeof store)).toBe(states.get(reader.commitNumber))
        using again = openStoreOn(createSimulatedPlatform({ files }), PATH, Item, { indexes: INDEXES })
        expect(again.commitNumber).toBe(reader.commitNumber)
        expect(all(again as unknown as typeof store)).toBe(states.get(again.commitNumber))
        expect(await again.verify()).toMatchObject({ ok: true })
        try {
          store.close()
        } catch {}
      },
    ),
    propertyOptions(150),
  )
  expect(reverted).toBeGreaterThan(5)
})
