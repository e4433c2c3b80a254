/** What could go wrong: pages that say what the code once said; a structure on disk that changes unnoticed. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderedDocs } from '../../scripts/render-docs.ts'
import { CHANGE_KINDS, FRAME_HEADER, JOURNAL_HEADER } from '../../src/engine/format/journal-format.ts'
import { IDENTITY, ROOT } from '../../src/engine/format/store-format.ts'

test.each(Object.entries(renderedDocs()))('%s is what npm run docs renders', (path, text) => {
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('the structures on disk are where format version 2 has them', () => {
  const places = (fields: readonly { readonly name: string; readonly offset: number }[]): string =>
    fields.map(({ name, offset }) => `${name}@${offset}`).join(' ')
  expect(places(IDENTITY.fields)).toBe(
    'magic@0 formatVersion@8 recordSize@12 dataOffset@16 layoutBytes@24 layoutCrc@28 fingerprint@32 storeId@64 generation@80 createdMs@88 marksDeleted@96',
  )
  expect(places(ROOT.fields)).toBe(
    'magic@0 commitNumber@8 rootNumber@16 size@24 deletedCount@32 capacity@40 liveBitsOffset@48 liveBitsBytes@56 journalSalt@64 journalSegment@72 journalOffset@76 checksumsOffset@84 formatVersion@92 lineage@96 definitionsBytes@104 definitionsCrc@108',
  )
  expect(places(JOURNAL_HEADER.fields)).toBe(
    'magic@0 formatVersion@8 recordSize@12 storeId@16 generation@32 salt@40 slotBytes@48',
  )
  expect(places(FRAME_HEADER.fields)).toBe(
    'magic@0 segment@4 salt@8 commitNumber@16 syncedCommit@24 size@32 deletedCount@40 appendStart@48 changeCount@56 payloadBytes@64 payloadCrc@72 inPlaceCrc@76 hasInPlaceCrc@80',
  )
  expect(CHANGE_KINDS).toEqual({ update: 1, insert: 2, delete: 3, skip: 4, patch: 5 })
  expect([IDENTITY.size, ROOT.size, JOURNAL_HEADER.size, FRAME_HEADER.size]).toEqual([4096, 512, 512, 88])
})
