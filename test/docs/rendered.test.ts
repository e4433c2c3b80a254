/** What could go wrong: pages that say what the code once said; a structure on disk that changes unnoticed. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderedDocs } from '../../scripts/render-docs.ts'
import { IDENTITY, ROOT } from '../../src/engine/format.ts'

test.each(Object.entries(renderedDocs()))('%s is what npm run docs renders', (path, text) => {
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('the structures on disk are where format version 1 has them', () => {
  const places = (fields: readonly { readonly name: string; readonly offset: number }[]): string =>
    fields.map(({ name, offset }) => `${name}@${offset}`).join(' ')
  expect(places(IDENTITY.fields)).toBe(
    'magic@0 formatVersion@8 recordSize@12 dataOffset@16 layoutBytes@24 layoutCrc@28 fingerprint@32 storeId@64 generation@80 createdMs@88',
  )
  expect(places(ROOT.fields)).toBe(
    'magic@0 commitNumber@8 rootNumber@16 size@24 deletedCount@32 capacity@40 liveBitsOffset@48 liveBitsBytes@56',
  )
  expect([IDENTITY.size, ROOT.size]).toEqual([4096, 512])
})
