/**
 * The identity page says some things twice: the layout, its size, its fingerprint. What could go wrong: they contradict each other
 * under a right checksum, as a bug or an attacker would write them, and records are read where they do not lie.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrateStore, openStore, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { IDENTITY, IDENTITY_OFFSET } from '../../src/engine/format/store-format.ts'
import { codeOf, Point, temporaryFolder } from './support.ts'

type Facts = ReturnType<typeof IDENTITY.decode>

/** A closed store of three points whose identity is changed; its checksum is right again. */
function withIdentity(change: (facts: Facts) => Partial<Facts>): string {
  const path = join(temporaryFolder(), 'points.stride')
  const store = openStore(path, Point)
  store.appendMany([0, 1, 2].map(tag => ({ x: tag, tag })))
  store.commitSync()
  store.close()
  const bytes = readFileSync(path)
  const facts = IDENTITY.decode(bytes.subarray(IDENTITY_OFFSET, IDENTITY_OFFSET + IDENTITY.size))
  bytes.set(IDENTITY.encode({ ...facts, ...change(facts) }), IDENTITY_OFFSET)
  writeFileSync(path, bytes)
  return path
}

const OPENINGS: Readonly<Record<string, (path: string) => unknown>> = {
  'for writing': path => openStore(path, Point).close(),
  'for reading': path => openStore(path, Point, { readOnly: true }).close(),
  'without a schema': path => openStore(path).close(),
  'for reading without a schema': path => openStore(path, { readOnly: true }).close(),
  'to migrate it': path => migrateStore(path, z.object({ tag: u8() })),
}

describe.each(Object.keys(OPENINGS))('opening %s', how => {
  const codesOf = (change: (facts: Facts) => Partial<Facts>): string => {
    const path = withIdentity(change)
    const before = readFileSync(path)
    const code = codeOf(() => OPENINGS[how]?.(path))
    if (code !== 'nothing was thrown') expect(readFileSync(path).equals(before)).toBe(true)
    return code
  }

  test('takes an identity as it was written', () => {
    expect(codesOf(() => ({}))).toBe('nothing was thrown')
  })

  test.each([1, 5, 8, 10, 4096, 2 ** 31])('refuses records of %i bytes with a layout of 9', recordSize => {
    expect(codesOf(() => ({ recordSize }))).toBe('ERR_STRIDE_CORRUPT')
  })

  test('refuses a fingerprint of another layout', () => {
    const code = codesOf(({ fingerprint }) => ({
      fingerprint: fingerprint.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
    }))
    // With a schema, it is not the schema's either.
    expect(['ERR_STRIDE_CORRUPT', 'ERR_STRIDE_SCHEMA_MISMATCH']).toContain(code)
  })
})
