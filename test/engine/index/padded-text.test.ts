/**
 * What could go wrong: texts that differ only in what fills a field behind them are one key, or a bound counts the filling.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { ascii, latin1, openStore, utf8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../../property.ts'
import { codeOf, temporaryFolder } from '../support.ts'

const TYPES = { ascii, latin1, utf8 }
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

describe('an index on text padded with spaces', () => {
  for (const [name, text] of Object.entries(TYPES)) {
    for (const kind of ['hash', 'ordered'] as const) {
      it(`tells a text from the same with NUL at its end, ${name}, ${kind}`, () => {
        const Item = z.object({ k: text(4, { padding: 'space' }) })
        const path = join(temporaryFolder(), 'x.stride')
        using store = openStore(path, Item, { indexes: { k: { on: 'k', kind, unique: true } } })
        for (const k of ['a', 'a\0', 'a\0\0\0', 'b\0', '', '\0']) store.append({ k })
        store.commitSync()
        const keys = ['a', 'a\0', 'a\0\0', 'a\0\0\0', 'b', 'b\0', '', '\0', 'a ']
        expect([...store.index('k').numbers(keys)]).toEqual([0, 1, -1, 2, -1, 3, 4, 5, -1])
        expect(codeOf(() => store.append({ k: 'a\0' }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
      })
    }

    it(`has the order of the texts' bytes, in ranges and behind prefixes, ${name}`, () => {
      const Item = z.object({ k: text(4, { padding: 'space' }), s: text(300, { padding: 'space' }) })
      const indexes = {
        k: { on: 'k', kind: 'ordered' },
        both: { on: ['s', 'k'], kind: 'ordered' },
      } as const
      const folder = temporaryFolder()
      let runs = 0
      const any = fc
        .array(fc.constantFrom('a', 'b', '\0', '\x01', ' '), { maxLength: 4 })
        .map(letters => letters.join(''))
      const held = any.map(letters => letters.replace(/ +$/, ''))
      fc.assert(
        fc.property(fc.array(held, { maxLength: 12 }), fc.array(any, { maxLength: 8 }), (texts, bounds) => {
          using store = openStore(join(folder, String(runs++)), Item, { indexes, durability: 'process' })
          for (const k of texts) store.append({ k, s: 'same' })
          const k = store.index('k')
          const both = store.index('both')
          const count = (test: (text: string) => boolean): number => texts.filter(test).length
          expect(Array.from(k.range(), row => row.k)).toEqual([...texts].sort(byBytes))
          for (const bound of [...bounds, ...texts]) {
            expect(k.number(bound)).toBe(texts.indexOf(bound))
            expect(k.count({ gte: bound })).toBe(count(each => byBytes(each, bound) >= 0))
            expect(k.count({ gt: bound })).toBe(count(each => byBytes(each, bound) > 0))
            expect(k.count({ lte: bound })).toBe(count(each => byBytes(each, bound) <= 0))
            expect(k.count({ lt: bound })).toBe(count(each => byBytes(each, bound) < 0))
            expect(k.count({ prefix: bound })).toBe(count(each => each.startsWith(bound)))
            expect(both.count({ prefix: ['same', bound] })).toBe(count(each => each.startsWith(bound)))
            expect(both.count({ prefix: [bound] })).toBe('same'.startsWith(bound) ? texts.length : 0)
          }
        }),
        propertyOptions(60),
      )
    })
  }
})
